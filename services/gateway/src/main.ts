import { connectService, createContext, readConfigOrExit, runService } from '@codex-bridge/service-kit'
import { createApp } from './app.ts'
import { openBusGateway } from './bus/bus-gateway.ts'
import { readConfig } from './config.ts'
import { createHealthProbe } from './health/health-report.ts'
import { serveHttp } from './http/http-server.ts'
import { createRouter } from './http/router.ts'
import { apiRoutes } from './routes/routes.ts'
import { openStreams } from './sse/stream-service.ts'

const config = readConfigOrExit(readConfig)
const context = createContext('gateway', config)
const { logger } = context

await runService(logger, async (started) => {
  const bus = await connectService(context, config)
  started({ name: 'bus', stop: () => bus.close() })
  const streams = await openStreams(bus, { maxStreams: config.BRIDGE_MAX_STREAMS, logger })
  const routes = apiRoutes(createHealthProbe(bus), streams)
  const router = createRouter(routes, openBusGateway(bus, config.BRIDGE_COMMAND_TIMEOUT_MS))
  const app = createApp(config, logger, router)
  const server = await serveHttp(app.callback(), { host: config.HOST, port: config.PORT })
  started({ name: 'http', stop: () => server.stop() })
  // Stopped before the server, which waits for open responses, and a stream does not end on its own.
  started({ name: 'streams', stop: () => streams.stop() })
  logger.info({ host: server.host, port: server.port, url: `http://${config.HOST}:${server.port}` }, 'listening')
})
