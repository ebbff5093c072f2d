import type { SessionState } from '@codex-bridge/contracts'
import type { SessionDraft } from '../sessions/session-decider.ts'
import { turnStatusOf } from '../turns/turn-outcome.ts'
import { type SubAgentNames, subAgentNamed, subAgentRests, subAgentWorks } from './sub-agent-decider.ts'

export type SubAgentTrackerOptions = {
  note: (decide: (state: SessionState) => SessionDraft | undefined) => void
  /** What Codex says of a thread. Rejects when it does not answer. */
  read: (threadId: string) => Promise<unknown>
  now: () => string
}

type Params = Record<string, unknown>

/**
 * Follows the threads that Codex runs beside the lane's own in the same process. They announce themselves by their first turn,
 * without a name; that has to be asked for, once per process.
 */
export class SubAgentTracker {
  readonly #options: SubAgentTrackerOptions
  readonly #asked = new Set<string>()

  constructor(options: SubAgentTrackerOptions) {
    this.#options = options
  }

  /** A notification about a thread that is not the lane's own. */
  accept(method: string, threadId: string, params: Params): void {
    const turn = params['turn'] as { id?: unknown; status?: unknown } | undefined
    if (typeof turn?.id !== 'string') return
    const { id: turnId } = turn
    const { note, now } = this.#options
    if (method === 'turn/started') {
      note((state) => subAgentWorks(state, threadId, turnId, now()))
      void this.#name(threadId)
    } else if (method === 'turn/completed') {
      note((state) => subAgentRests(state, threadId, { turnId, status: turnStatusOf(turn) }, now()))
    }
  }

  async #name(threadId: string): Promise<void> {
    if (this.#asked.has(threadId)) return
    this.#asked.add(threadId)
    try {
      const names = namesOf(await this.#options.read(threadId))
      this.#options.note((state) => subAgentNamed(state, threadId, names))
    } catch {
      // It works without a name, too; its next turn asks again.
      this.#asked.delete(threadId)
    }
  }
}

const textOf = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null)

const namesOf = (answer: unknown): SubAgentNames => {
  const thread = ((answer as { thread?: unknown } | null)?.thread ?? {}) as Params
  return { parentThreadId: textOf(thread['parentThreadId']), nickname: textOf(thread['agentNickname']), role: textOf(thread['agentRole']) }
}
