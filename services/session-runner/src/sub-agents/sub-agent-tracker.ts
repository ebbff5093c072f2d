import type { CodexNotification, CodexThread } from '@codex-bridge/codex-client'
import type { SessionContext } from '../sessions/session-context.ts'
import { turnStatusOf } from '../turns/turn-outcome.ts'
import { type SubAgentNames, subAgentNamed, subAgentRests, subAgentWorks } from './sub-agent-decider.ts'

type TurnNotification = Extract<CodexNotification, { method: 'turn/started' | 'turn/completed' }>

/**
 * Records the turns of a thread that Codex runs beside the lane's own in the same process. The first one announces the sub-agent,
 * without a name; that is asked for once per process.
 */
export const followSubAgent = (context: SessionContext, { method, params }: TurnNotification): void => {
  const { store, now } = context
  const { threadId, turn } = params
  if (method === 'turn/completed') {
    store.appendLater((state) => subAgentRests(state, threadId, { turnId: turn.id, status: turnStatusOf(turn) }, now))
    return
  }
  store.appendLater((state) => subAgentWorks(state, threadId, turn.id, now))
  void askForName(context, threadId)
}

const askForName = async (context: SessionContext, threadId: string): Promise<void> => {
  const { namedSubAgents, store, log } = context
  if (namedSubAgents.has(threadId)) return
  namedSubAgents.add(threadId)
  try {
    const { thread } = await context.server.peer.call('thread/read', { threadId })
    store.appendLater((state) => subAgentNamed(state, threadId, namesOf(thread)))
  } catch (error) {
    // A sub-agent works without a name too. Its next turn asks again.
    namedSubAgents.delete(threadId)
    log.info({ threadId, err: error }, 'sub-agent not named')
  }
}

const textOf = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null)

const namesOf = ({ parentThreadId, agentNickname, agentRole }: CodexThread): SubAgentNames => ({
  parentThreadId: textOf(parentThreadId),
  nickname: textOf(agentNickname),
  role: textOf(agentRole),
})
