import { type Bus, type Endpoints, type EventLog, serve } from '@codex-bridge/bus'
import { RegistryRequests } from '@codex-bridge/contracts'
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
    { name: 'lane-registry', version: BRIDGE_VERSION, service: 'registry', metadata: { instance: parts.instance } },
    RegistryRequests,
    {
      'create-lane': (request) => workflow.create(request),
      'get-lane': ({ laneId, minSeq }) => reader.laneText(laneId, minSeq),
      'list-lanes': (request) => reader.lanes(request),
      'delete-lane': (request) => workflow.delete(request),
      'start-visible': (request) => workflow.startVisible(request, threads, survey),
      attach: (request) => workflow.attach(request, threads, survey),
      'sync-lane': (request) => workflow.sync(request, threads),
      cleanup: (request) => workflow.cleanup(request),
      rpc: (request) => threads.rpc(request),
      'get-thread': (request) => threads.read(request),
      'loaded-threads': () => threads.loaded(),
      'list-threads': (request) => threads.list(request),
      'active-threads': (request) => threads.active(request),
      'rollback-thread': (request) => threads.rollback(request),
      'turn-on-thread': (request) => threads.turn(request),
      'debug-complete': (request) => workflow.debugComplete(request),
      'debug-reconcile': ({ body }) => reconciler.reconcileNow(body),
      'start-session': (request) => workflow.startSession(request),
      'stop-session': (request) => workflow.stopSession(request),
      'get-session': ({ laneId, minSeq }) => reader.sessionText(laneId, minSeq),
      'list-sessions': () => reader.sessions(),
      'lane-events': (request) => reader.events(request),
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
