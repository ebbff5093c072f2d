import { type Bus, type Endpoints, type EventLog, reactorLag, serve } from '@codex-bridge/bus'
import { Registry } from '@codex-bridge/contracts'
import { BRIDGE_VERSION, type Logger, logServed } from '@codex-bridge/service-kit'
import type { SnapshotStore } from '@codex-bridge/store'
import type { LaneQueries } from './lanes/lane-queries.ts'
import type { LaneService } from './lanes/lane-service.ts'
import type { LaneTakeover } from './lanes/lane-takeover.ts'
import type { Leadership } from './leadership.ts'
import { type LaneProjection, POLICY } from './projection/lane-projection.ts'
import type { Retention } from './retention/retention.ts'
import type { SessionReconciler } from './sessions/session-reconciler.ts'
import type { ThreadCommands } from './threads/thread-commands.ts'
import type { ThreadService } from './threads/thread-service.ts'
import type { RunnerSurvey } from './watch/runner-survey.ts'

export type RegistryParts = {
  bus: Bus
  log: EventLog
  store: SnapshotStore
  projection: LaneProjection
  queries: LaneQueries
  lanes: LaneService
  takeover: LaneTakeover
  threads: ThreadService
  threadCommands: ThreadCommands
  survey: RunnerSurvey
  reconciler: SessionReconciler
  retention: Retention
  leadership: Leadership
  logger: Logger
  instance: string
}

/** Serves what every registry answers. Call it once the projection has caught up. */
export const serveRegistry = (parts: RegistryParts): Promise<Endpoints> => {
  const { bus, projection, queries, lanes, takeover, threads, threadCommands, survey, reconciler, instance } = parts
  /** Handles a request when the projection has everything stored before it. */
  const current =
    <Request, Reply>(handle: (request: Request) => Promise<Reply>) =>
    async (request: Request): Promise<Reply> => {
      await projection.current()
      return await handle(request)
    }
  return serve(
    bus,
    { name: 'lane-registry', version: BRIDGE_VERSION, metadata: { instance } },
    Registry,
    {
      createLane: (request) => lanes.create(request),
      getLane: ({ laneId, minSeq }) => queries.laneText(laneId, minSeq),
      listLanes: (request) => queries.lanes(request),
      deleteLane: current((request) => lanes.delete(request)),
      startVisible: current((request) => takeover.startVisible(request)),
      attach: current((request) => takeover.attach(request)),
      syncLane: current((request) => takeover.sync(request)),
      cleanup: current((request) => lanes.cleanup(request)),
      rpc: current((request) => threadCommands.rpc(request)),
      getThread: current((request) => threads.read(request)),
      loadedThreads: current(() => threads.loaded()),
      listThreads: current((request) => threads.list(request)),
      activeThreads: current((request) => threads.active(request)),
      rollbackThread: current((request) => threadCommands.rollback(request)),
      turnOnThread: current((request) => threadCommands.turn(request)),
      runningCodex: current((request) => survey.running(request)),
      debugComplete: (request) => lanes.debugComplete(request),
      debugReconcile: ({ body }) => reconciler.reconcileNow(body),
      startSession: (request) => lanes.startSession(request),
      stopSession: (request) => lanes.stopSession(request),
      getSession: ({ laneId, minSeq }) => queries.sessionText(laneId, minSeq),
      listSessions: () => queries.sessions(),
      laneEvents: (request) => queries.events(request),
      health: () => describe(parts),
    },
    { observe: logServed(parts.logger) },
  )
}

/** What /health shows of this service. `lag`: events that are not folded here, or whose statuses the leader has not announced. */
const describe = async ({ bus, log, store, projection, retention, leadership, instance }: RegistryParts) => {
  const [{ lastSeq, messages, bytes }, policyLag] = await Promise.all([log.extent(), reactorLag(bus, POLICY).catch(() => undefined)])
  return {
    instance,
    leading: leadership.isLeading,
    redis: store.ready ? 'up' : 'down',
    copied: leadership.isCopyIntact,
    events: { lastSeq, stored: messages, ...retention.sizeOf(bytes) },
    lag: policyLag === undefined ? null : Math.max(policyLag, lastSeq - projection.processed),
  }
}
