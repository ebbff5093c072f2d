import { type Static, Type } from 'typebox'
import { LaneId, Nullable } from '../foundation/ids.ts'

/** A piece of text that Codex is still writing: of a message, a command's output or reasoning. Published, never stored. */
export const DeltaMessage = Type.Object(
  {
    laneId: LaneId,
    threadId: Type.String(),
    turnId: Nullable(Type.String()),
    itemId: Nullable(Type.String()),
    method: Type.String({ description: 'Notification of the app-server, such as `item/agentMessage/delta`' }),
    delta: Type.String(),
  },
  { $id: 'Delta', description: 'Text deltas of one item, joined over about 50 ms' },
)
export type DeltaMessage = Static<typeof DeltaMessage>
