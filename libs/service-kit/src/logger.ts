import { type Logger, pino } from 'pino'

export type { Logger } from 'pino'

/** Keys whose values never reach a log, at the top of an entry and one level down: pino's `*.x` form alone misses the top. */
const SECRET_KEYS = ['secret', 'password', 'token', 'authorization', 'input', 'kickoffPrompt']

/**
 * One JSON line per entry on stderr. Fixed keys over all services: service, instance, laneId, threadId, sessionId, eventId,
 * seq, commandId. Never prompts, secrets or bodies.
 */
export const createLogger = (service: string, instance: string, level: string): Logger =>
  pino(
    {
      level,
      base: { service, instance, pid: process.pid },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: SECRET_KEYS.flatMap((key) => [key, `*.${key}`]), censor: '[redacted]' },
    },
    pino.destination({ fd: 2, sync: true }),
  )
