import type { Logger } from './logger.ts'

/** Everything must be down within this time; then the process ends anyway, so that nothing hangs on a stuck peer. */
const STOP_DEADLINE_MS = 20_000

/** Something that was started and has to be stopped. */
export type Stoppable = { name: string; stop: () => Promise<void> | void }

/**
 * Runs a service: starts its parts in order, stops them in reverse on SIGTERM, SIGINT or when the parent that holds stdin
 * goes away, and ends the process with 0 after a clean stop, 1 after a failure.
 */
export const runService = async (logger: Logger, start: (started: (part: Stoppable) => void) => Promise<void>): Promise<void> => {
  const parts: Stoppable[] = []
  let stopping = false
  const stop = async (reason: string, code: number) => {
    if (stopping) return
    stopping = true
    logger.info({ reason }, 'stopping')
    const deadline = setTimeout(() => {
      logger.error('did not stop in time')
      process.exit(1)
    }, STOP_DEADLINE_MS)
    deadline.unref()
    for (const part of parts.reverse()) {
      try {
        await part.stop()
      } catch (error) {
        logger.error({ err: error, part: part.name }, 'part did not stop cleanly')
      }
    }
    logger.info('stopped')
    process.exit(code)
  }
  process.on('SIGTERM', () => void stop('SIGTERM', 0))
  process.on('SIGINT', () => void stop('SIGINT', 0))
  // A rejection nobody handled means a state nobody reasoned about: end, and let the supervisor start from the log.
  process.on('unhandledRejection', (error) => {
    logger.fatal({ err: error }, 'unhandled rejection')
    void stop('unhandled rejection', 1)
  })
  process.on('uncaughtException', (error) => {
    logger.fatal({ err: error }, 'uncaught exception')
    void stop('uncaught exception', 1)
  })
  if (process.env['BRIDGE_EXIT_ON_STDIN_CLOSE'] === '1') {
    process.stdin
      .on('end', () => void stop('parent is gone', 0))
      .on('error', () => void stop('parent is gone', 0))
      .resume()
  }
  try {
    await start((part) => parts.push(part))
    // Whoever starts the service waits for this line, whatever else it is to be told.
    if (!stopping) logger.child({}, { level: 'info' }).info('ready')
  } catch (error) {
    logger.fatal({ err: error }, 'could not start')
    await stop('start failed', 1)
  }
}
