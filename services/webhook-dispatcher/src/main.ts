import { connectService, createContext, createLogger, openLeases, problemLines, runService } from '@codex-bridge/service-kit'
import { type DispatcherConfig, readConfig } from './config.ts'
import { startDispatcher } from './dispatcher.ts'

const configure = (): DispatcherConfig => {
  try {
    return readConfig(process.env)
  } catch (error) {
    createLogger('webhook-dispatcher', 'none', 'info').fatal({ problems: problemLines(error) }, 'the environment is not valid')
    process.exit(1)
  }
}

const config = configure()
const context = createContext('webhook-dispatcher', config.environment)

await runService(context.logger, async (started) => {
  const bus = await connectService(context, config.environment)
  started({ name: 'bus', stop: () => bus.close() })
  const leases = await openLeases(bus, context)
  await startDispatcher({ context, config, bus, leases }, started)
})
