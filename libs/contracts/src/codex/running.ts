import { type Static, Type } from 'typebox'
import { LaneId, Nullable, Timestamp } from '../foundation/ids.ts'
import { ThreadWriter } from '../lanes/lane.ts'

export const RunningCodexRequest = Type.Object({
  /** Where processes cannot be seen, threads active within so many seconds count as running. Default 300. */
  windowSec: Type.Optional(Type.Integer({ minimum: 1, maximum: 86_400 })),
})

const { surface } = ThreadWriter.properties

/** A codex process on a runner's host. */
export const CodexProcess = Type.Object({
  pid: Type.Integer(),
  kind: Type.Enum(['app-server', 'exec', 'tui', 'daemon']),
  surface,
  startedAt: Nullable(Timestamp),
  cwd: Nullable(Type.String()),
  codexHome: Nullable(Type.String()),
  own: Type.Boolean({ description: 'Started by this bridge' }),
  runnerId: Type.String(),
})
export type CodexProcess = Static<typeof CodexProcess>

/** A thread that a process has open for writing. */
export const HeldThread = Type.Object({ threadId: Type.String(), pid: Nullable(Type.Integer()) })
export type HeldThread = Static<typeof HeldThread>

/** What one runner sees of its host. `seen` false: it sees neither processes nor locks, and says why. */
export const HostSnapshot = Type.Object({
  runnerId: Type.String(),
  /** Pids mean something only inside one host and pid namespace. */
  host: Type.String(),
  codexHome: Type.String(),
  seen: Type.Boolean(),
  reason: Nullable(Type.String()),
  processes: Type.Array(CodexProcess),
  threads: Type.Array(HeldThread),
})
export type HostSnapshot = Static<typeof HostSnapshot>

export const PathCheck = Type.Object({ runnerId: Type.String(), missing: Type.Array(Type.String()) })
export type PathCheck = Static<typeof PathCheck>

/** Answer of `GET /codex/running`. */
export const RunningCodex = Type.Object(
  {
    mode: Type.Enum(['processes', 'inferred'], {
      description: 'processes: seen on the host. inferred: guessed from recent activity, because processes cannot be seen',
    }),
    processes: Type.Array(CodexProcess),
    threads: Type.Array(
      Type.Object({
        threadId: Type.String(),
        pid: Nullable(Type.Integer()),
        surface,
        laneId: Nullable(LaneId),
        activeSecAgo: Type.Optional(Type.Integer({ description: 'Only in mode inferred' })),
      }),
    ),
    reason: Nullable(Type.String({ description: 'Why the mode is inferred' })),
  },
  { $id: 'RunningCodex', description: 'Codex processes and the threads they hold' },
)
export type RunningCodex = Static<typeof RunningCodex>
