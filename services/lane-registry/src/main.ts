import { EventLog, runAsLeader } from '@codex-bridge/bus'
import { configOrExit, connectService, createContext, openLeases, runService } from '@codex-bridge/service-kit'
import { connectStore, SnapshotStore } from '@codex-bridge/store'
import { RegistryConfig } from './config.ts'
import { serveRegistry } from './endpoints.ts'
import { LaneQueries } from './lanes/lane-queries.ts'
import { LaneService } from './lanes/lane-service.ts'
import { serveLeader } from './leader-endpoints.ts'
import { LaneProjector } from './projection/lane-projector.ts'
import { SessionClient } from './sessions/session-client.ts'
import { SessionReconciler } from './sessions/session-reconciler.ts'
import { ThreadService } from './threads/thread-service.ts'
import { RunnerSurvey } from './watch/runner-survey.ts'
import { ThreadWatcher } from './watch/thread-watcher.ts'

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
  const reader = new LaneQueries(bus, log, store, projector)
  const sessions = new SessionClient(bus, config.BRIDGE_SESSION_START_TIMEOUT_MS)
  const workflow = new LaneService(log, reader, projector, sessions, logger)
  const timeoutMs = config.BRIDGE_SESSION_START_TIMEOUT_MS
  const threads = new ThreadService({ bus, projector, sessions, timeoutMs, unrestricted: config.BRIDGE_RPC_UNRESTRICTED === '1' })
  const leases = await openLeases(bus, context)
  const survey = new RunnerSurvey({ bus, projector, threads })
  const defaultIntervalSec = config.BRIDGE_WATCH_INTERVAL_SEC
  const watcher = new ThreadWatcher({ bus, log, projector, threads, survey, logger, defaultIntervalSec })
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
    const onlyHere = await serveLeader({ bus, watcher, survey, logger, instance: context.instance })
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
    survey,
    reconciler,
    logger,
    instance: context.instance,
  })
  started({ name: 'endpoints', stop: () => endpoints.stop() })
})
