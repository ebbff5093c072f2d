import {
  type CommandRecord,
  type DraftOf,
  type PayloadOf,
  rememberCommand,
  type SessionState,
  SUB_AGENTS_KEPT,
  type SubAgent,
} from '@codex-bridge/contracts'
import { draft, type SessionDraft } from '../sessions/session-decider.ts'

const ROLE_CHARS = 128

export const subAgentsOf = (state: SessionState): SubAgent[] => state.subAgents ?? []

/** Sub-agents whose turn runs. */
export const workingSubAgents = (state: SessionState): SubAgent[] => subAgentsOf(state).filter(({ status }) => status === 'running')

/** Over the limit, the sub-agent that ended first is forgotten; if all run, the one that has run longest. */
const bounded = (agents: SubAgent[]): SubAgent[] => {
  if (agents.length <= SUB_AGENTS_KEPT) return agents
  const first = agents.find(({ status }) => status !== 'running') ?? agents[0]
  return bounded(agents.filter((agent) => agent !== first))
}

const changed = (
  state: SessionState,
  agent: SubAgent,
  extra: Partial<PayloadOf<'lane.subagent.changed'>> = {},
  commands = state.commands,
): DraftOf<'session', 'lane.subagent.changed'> => {
  const known = subAgentsOf(state)
  const isKnown = known.some(({ threadId }) => threadId === agent.threadId)
  const subAgents = bounded(isKnown ? known.map((other) => (other.threadId === agent.threadId ? agent : other)) : [...known, agent])
  return draft(
    'lane.subagent.changed',
    { ...state, subAgents, commands },
    { ...agent, cause: null, ...extra },
    { threadId: agent.threadId, turnId: agent.turnId },
  )
}

const agentOf = (state: SessionState, threadId: string): SubAgent | undefined =>
  subAgentsOf(state).find((agent) => agent.threadId === threadId)

/** Its turn runs: the first news of a sub-agent, or a change of a known one. */
export const subAgentWorks = (state: SessionState, threadId: string, turnId: string, now: string): SessionDraft | undefined => {
  const known = agentOf(state, threadId)
  if (known?.status === 'running' && known.turnId === turnId) return
  const unnamed = { threadId, parentThreadId: null, nickname: null, role: null }
  return changed(state, { ...(known ?? unnamed), status: 'running', turnId, activeAt: now })
}

/** Its turn ended. Undefined when that is known. */
export const subAgentRests = (
  state: SessionState,
  threadId: string,
  end: { turnId: string; status: Exclude<SubAgent['status'], 'running'> },
  now: string,
): SessionDraft | undefined => {
  const known = agentOf(state, threadId)
  if (known?.status !== 'running' || known.turnId !== end.turnId) return
  return changed(state, { ...known, ...end, activeAt: now })
}

export type SubAgentNames = Pick<SubAgent, 'parentThreadId' | 'nickname' | 'role'>

/** Codex named it. */
export const subAgentNamed = (state: SessionState, threadId: string, names: SubAgentNames): SessionDraft | undefined => {
  const known = agentOf(state, threadId)
  const { parentThreadId, nickname, role } = names
  return known && changed(state, { ...known, parentThreadId, nickname, role: role === null ? null : role.slice(0, ROLE_CHARS) })
}

/** The bridge is ending its turn. The command is remembered, so that a retry of it does not end another turn. */
export const subAgentEnding = (
  state: SessionState,
  threadId: string,
  why: { cause: string; record?: CommandRecord | undefined; details?: Record<string, unknown> },
): SessionDraft | undefined => {
  const known = agentOf(state, threadId)
  if (known?.status !== 'running') return
  const { cause, record, details } = why
  const commands = record ? rememberCommand(state.commands, record) : state.commands
  const event = changed(state, known, { cause, ...(details && { details }) }, commands)
  return record ? { ...event, commandId: record.commandId } : event
}
