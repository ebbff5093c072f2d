import { type Static, Type } from 'typebox'
import { LaneId, Nullable, Timestamp } from '../foundation/ids.ts'

export const DEFAULT_WATCH_INTERVAL_SEC = 15

/** Body of `POST /watch/start`, and the bus request. */
export const WatchStart = Type.Object(
  { intervalSec: Type.Optional(Type.Integer({ minimum: 1, maximum: 3600, description: 'Seconds between two looks. Default 15' })) },
  { $id: 'WatchStart', additionalProperties: false },
)
export type WatchStart = Static<typeof WatchStart>

/** What can change about a thread, or the workspace of its lane, outside the bridge. */
export const THREAD_CHANGES = [
  'activity',
  'renamed',
  'branch',
  'archived',
  'unarchived',
  'deleted',
  'restored',
  'writer_taken',
  'writer_freed',
  'workspace_missing',
  'workspace_restored',
] as const
export const ThreadChange = Type.Enum([...THREAD_CHANGES], {
  description:
    'activity: it was driven elsewhere. deleted: Codex no longer knows it. writer_taken, writer_freed: another process opened it or let go of it',
})
export type ThreadChange = (typeof THREAD_CHANGES)[number]

const WatchFinding = Type.Object({ laneId: LaneId, threadId: Type.String(), changes: Type.Array(ThreadChange) })
export type WatchFinding = Static<typeof WatchFinding>

/** The watcher's state: what its last tick cost and found. */
export const WatchStatus = Type.Object(
  {
    running: Type.Boolean(),
    intervalSec: Type.Integer(),
    lastTickAt: Nullable(Timestamp),
    lastTickMs: Nullable(Type.Integer({ minimum: 0 })),
    /** Lanes the last tick looked at. */
    watched: Type.Integer({ minimum: 0 }),
    found: Type.Array(WatchFinding),
    errors: Type.Array(Type.Object({ laneId: Nullable(LaneId), error: Type.String(), message: Type.String() })),
    ticks: Type.Integer({ minimum: 0, description: 'Since this watcher was started' }),
  },
  { $id: 'WatchStatus', description: 'The watcher notices what happens to threads outside the bridge' },
)
export type WatchStatus = Static<typeof WatchStatus>
