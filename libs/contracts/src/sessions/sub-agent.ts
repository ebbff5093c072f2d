import { type Static, Type } from 'typebox'
import { Nullable, Timestamp } from '../foundation/ids.ts'

/** What a sub-agent is doing: a turn of its own runs, or how its last one ended. */
const SUB_AGENT_STATUSES = ['running', 'completed', 'interrupted', 'failed'] as const
const SubAgentStatus = Type.Enum([...SUB_AGENT_STATUSES])

/** A thread that Codex started from a lane's thread, in the same process. */
export const SubAgent = Type.Object(
  {
    threadId: Type.String(),
    /** Null until Codex was asked. The lane's thread, or another sub-agent's. */
    parentThreadId: Nullable(Type.String()),
    nickname: Nullable(Type.String({ description: "Codex's name for it, e.g. Hooke" })),
    role: Nullable(Type.String()),
    status: SubAgentStatus,
    turnId: Nullable(Type.String({ description: 'Its own turn: the one that runs, or its last' })),
    activeAt: { ...Timestamp, description: 'When it last began or ended a turn, as far as it said so itself' },
  },
  { $id: 'SubAgent', description: "A thread that Codex started from a lane's thread; its events and approvals are the lane's" },
)
export type SubAgent = Static<typeof SubAgent>

/** Sub-agents remembered per session: every event carries them. The ones that ended first are forgotten first. */
export const SUB_AGENTS_KEPT = 16

/** A thread below another, as the thread routes show it. */
export const ThreadChild = Type.Object(
  {
    threadId: Type.String(),
    nickname: SubAgent.properties.nickname,
    role: SubAgent.properties.role,
    status: Nullable({ ...SubAgentStatus, description: 'Known while a lane remembers it' }),
  },
  { $id: 'ThreadChild', description: 'A sub-agent of a thread' },
)
export type ThreadChild = Static<typeof ThreadChild>
