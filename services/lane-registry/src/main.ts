import { EventLog, runAsLeader } from '@codex-bridge/bus'
import { configOrExit, connectService, createContext, openLeases, runService } from '@codex-bridge/service-kit'
import { connectStore, SnapshotStore } from '@codex-bridge/store'
import { CodexLookout } from './codex.lookout.ts'
import { RegistryConfig } from './config.ts'
import { serveRegistry } from './endpoints.ts'
import { LaneProjector } from './lane.projector.ts'
import { LaneReader } from './lane.reader.ts'
import { LaneWorkflow } from './lane.workflow.ts'
import { serveLeader } from './leader.endpoints.ts'
import { SessionGateway } from './session.gateway.ts'
import { SessionReconciler } from './session.reconciler.ts'
import { ThreadDesk } from './thread.desk.ts'
import { ThreadWatcher } from './thread.watcher.ts'

const config = configOrExit(RegistryConfig)
const context = createContext('lane-registry', config)
const { logger } = context

await runService(logger, async (started) => {
  const bus = await connectService(context, config)
  started({ name: 'bus', stop: () => bus.close() })
  const redis = connectStore({ url: config.REDIS_URL, observe: (event) => logger.info(event, 'redis') })
  started({ name: 'redis', stop: () => redis.disconnect() })

  const log = new EventLog(bus)
  const store = new SnapshotStore(redis)
  const projector = new LaneProjector(bus, log, store, logger)
  const reader = new LaneReader(bus, log, store, projector)
  const sessions = new SessionGateway(bus, config.BRIDGE_SESSION_START_TIMEOUT_MS)
  const workflow = new LaneWorkflow(log, reader, projector, sessions, logger)
  const timeoutMs = config.BRIDGE_SESSION_START_TIMEOUT_MS
  const threads = new ThreadDesk({ bus, projector, sessions, timeoutMs, unrestricted: config.BRIDGE_RPC_UNRESTRICTED === '1' })
  const leases = await openLeases(bus, context)
  const lookout = new CodexLookout({ bus, projector, threads })
  const defaultIntervalSec = config.BRIDGE_WATCH_INTERVAL_SEC
  const watcher = new ThreadWatcher({ bus, log, projector, threads, lookout, logger, defaultIntervalSec })
  const reconciler = new SessionReconciler({
    projector,
    leases,
    sessions,
    workflow,
    logger,
    intervalMs: config.BRIDGE_RECONCILE_INTERVAL_MS,
  })

  const ending = new AbortController()
  const observe = (event: string, problem?: unknown) => logger.info({ event, ...(problem !== undefined && { err: problem }) }, 'leadership')
  const leading = runAsLeader({ table: leases, role: 'lane-registry', signal: ending.signal, observe }, async (signal) => {
    const onlyHere = await serveLeader({ bus, watcher, lookout, logger, instance: context.instance })
    try {
      await Promise.all([projector.run(signal), reconciler.run(signal), watcher.run(signal)])
    } finally {
      await onlyHere.stop()
    }
  })
  started({
    name: 'leadership',
    stop: async () => {
      ending.abort()
      await leading
    },
  })
  const endpoints = await serveRegistry({
    bus,
    log,
    store,
    projector,
    reader,
    workflow,
    threads,
    lookout,
    reconciler,
    logger,
    instance: context.instance,
  })
  started({ name: 'endpoints', stop: () => endpoints.stop() })
})
