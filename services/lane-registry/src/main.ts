import { EventLog } from '@codex-bridge/bus'
import { configOrExit, connectService, createContext, openLeases, runService } from '@codex-bridge/service-kit'
import { connectStore, SnapshotStore } from '@codex-bridge/store'
import { RegistryConfig, retentionPolicy } from './config.ts'
import { serveRegistry } from './endpoints.ts'
import { LaneQueries } from './lanes/lane-queries.ts'
import { LaneService } from './lanes/lane-service.ts'
import { LaneTakeover } from './lanes/lane-takeover.ts'
import { LaneWorktrees } from './lanes/lane-worktrees.ts'
import { Leadership } from './leadership.ts'
import { LaneProjection } from './projection/lane-projection.ts'
import { RedisCopy } from './projection/redis-copy.ts'
import { Retention } from './retention/retention.ts'
import { SessionClient } from './sessions/session-client.ts'
import { SessionLifecycle } from './sessions/session-lifecycle.ts'
import { SessionReconciler } from './sessions/session-reconciler.ts'
import { StatusPolicy } from './status/status-policy.ts'
import { ThreadCommands } from './threads/thread-commands.ts'
import { ThreadService } from './threads/thread-service.ts'
import { RunnerSurvey } from './watch/runner-survey.ts'
import { ThreadWatcher } from './watch/thread-watcher.ts'

const config = configOrExit(RegistryConfig)
const context = createContext('lane-registry', config)
const { logger, instance } = context

await runService(logger, async (started) => {
  const bus = await connectService(context, config)
  started({ name: 'bus', stop: () => bus.close() })
  const redis = connectStore({ url: config.REDIS_URL, observe: (event) => logger.info(event, 'redis') })
  started({ name: 'redis', stop: () => redis.disconnect() })

  const log = new EventLog(bus)
  const store = new SnapshotStore(redis)
  const following = new AbortController()
  const projection = new LaneProjection({ bus, log, logger })
  started({ name: 'projection', stop: () => following.abort() })
  await projection.start(following.signal)

  const timeoutMs = config.BRIDGE_SESSION_START_TIMEOUT_MS
  const queries = new LaneQueries({ bus, log, store, projection })
  const sessions = new SessionClient(bus, timeoutMs)
  const worktrees = new LaneWorktrees({ log, projection, sessions })
  const lifecycle = new SessionLifecycle({ log, queries, worktrees, sessions, logger })
  const lanes = new LaneService({ log, queries, projection, worktrees, lifecycle })
  const threads = new ThreadService({ bus, projection, timeoutMs })
  const unrestricted = config.BRIDGE_RPC_UNRESTRICTED === '1'
  const threadCommands = new ThreadCommands({ bus, threads, projection, sessions, logger, timeoutMs, unrestricted })
  const survey = new RunnerSurvey({ bus, projection, threads })
  const takeover = new LaneTakeover({ log, queries, projection, lanes, lifecycle, sessions, threads, survey })
  const leases = await openLeases(bus, context)
  const intervalMs = config.BRIDGE_RECONCILE_INTERVAL_MS
  const reconciler = new SessionReconciler({ projection, leases, sessions, lifecycle, logger, intervalMs })

  const copy = new RedisCopy({ projection, log, store, logger })
  const policy = retentionPolicy(config)
  const retention = new Retention({ bus, log, projection, copy, policy, logger })
  void retention.forget(following.signal)

  const defaultIntervalSec = config.BRIDGE_WATCH_INTERVAL_SEC
  const leadership = new Leadership({
    ...{ bus, leases, copy, reconciler, retention, logger, instance },
    policy: new StatusPolicy(log, projection),
    watcher: new ThreadWatcher({ bus, log, projection, threads, survey, logger, defaultIntervalSec }),
  })
  const ending = new AbortController()
  const leading = leadership.run(ending.signal)
  started({
    name: 'leadership',
    stop: async () => {
      ending.abort()
      await leading
    },
  })
  const services = { queries, lanes, takeover, threads, threadCommands, survey, reconciler, retention, leadership }
  const endpoints = await serveRegistry({ ...services, bus, log, store, projection, logger, instance })
  started({ name: 'endpoints', stop: () => endpoints.stop() })
})
