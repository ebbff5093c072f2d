import { type Bus, type Endpoints, type EventLog, serve } from '@codex-bridge/bus'
import { Registry } from '@codex-bridge/contracts'
import { BRIDGE_VERSION, type Logger, logServed } from '@codex-bridge/service-kit'
import type { SnapshotStore } from '@codex-bridge/store'
import type { LaneQueries } from './lanes/lane-queries.ts'
import type { LaneService } from './lanes/lane-service.ts'
import type { LaneProjector } from './projection/lane-projector.ts'
import type { SessionReconciler } from './sessions/session-reconciler.ts'
import type { ThreadService } from './threads/thread-service.ts'
import type { RunnerSurvey } from './watch/runner-survey.ts'

export type EndpointParts = {
  bus: Bus
  log: EventLog
  store: SnapshotStore
  projector: LaneProjector
  reader: LaneQueries
  workflow: LaneService
  threads: ThreadService
  survey: RunnerSurvey
  reconciler: SessionReconciler
  logger: Logger
  instance: string
}

/** Puts the lane-registry on the bus. */
export const serveRegistry = (parts: EndpointParts): Promise<Endpoints> => {
  const { reader, workflow, threads, survey, reconciler } = parts
  return serve(
    parts.bus,
    { name: 'lane-registry', version: BRIDGE_VERSION, metadata: { instance: parts.instance } },
    Registry,
    {
      createLane: (request) => workflow.create(request),
      getLane: ({ laneId, minSeq }) => reader.laneText(laneId, minSeq),
      listLanes: (request) => reader.lanes(request),
      deleteLane: (request) => workflow.delete(request),
      startVisible: (request) => workflow.startVisible(request, threads, survey),
      attach: (request) => workflow.attach(request, threads, survey),
      syncLane: (request) => workflow.sync(request, threads),
      cleanup: (request) => workflow.cleanup(request),
      rpc: (request) => threads.rpc(request),
      getThread: (request) => threads.read(request),
      loadedThreads: () => threads.loaded(),
      listThreads: (request) => threads.list(request),
      activeThreads: (request) => threads.active(request),
      rollbackThread: (request) => threads.rollback(request),
      turnOnThread: (request) => threads.turn(request),
      debugComplete: (request) => workflow.debugComplete(request),
      debugReconcile: ({ body }) => reconciler.reconcileNow(body),
      startSession: (request) => workflow.startSession(request),
      stopSession: (request) => workflow.stopSession(request),
      getSession: ({ laneId, minSeq }) => reader.sessionText(laneId, minSeq),
      listSessions: () => reader.sessions(),
      laneEvents: (request) => reader.events(request),
      health: () => describe(parts),
    },
    { observe: logServed(parts.logger) },
  )
}

/** What /health shows of this service: `lag` is how many stored events the projection has not folded yet. */
const describe = async ({ log, store, projector, instance }: EndpointParts) => {
  const { lastSeq, messages, bytes } = await log.extent()
  // Where another process leads, its copy in Redis tells how far it is.
  const read = projector.leading ? projector.processed : store.ready ? await store.checkpoint().catch(() => undefined) : undefined
  return {
    instance,
    leading: projector.leading,
    redis: store.ready ? 'up' : 'down',
    copied: projector.copied,
    events: { lastSeq, stored: messages, bytes },
    lag: read === undefined ? null : Math.max(0, lastSeq - read),
  }
}
