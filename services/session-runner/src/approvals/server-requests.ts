import type { RpcPeer } from '@codex-bridge/codex-client'
import { type Approval, notificationEventType, type SessionState } from '@codex-bridge/contracts'
import { newId } from '@codex-bridge/service-kit'
import { forwarded, requestAnswered, requestClosed, requestRaised } from '../sessions/session-decider.ts'
import type { SessionStore } from '../sessions/session-store.ts'
import { translateDecision, translateRequest } from './approval-translator.ts'

export type ServerRequestsOptions = {
  peer: () => RpcPeer | undefined
  state: () => SessionState
  note: SessionStore['appendLater']
  /** An item under way: what a file change is about. */
  item: (itemId: string) => Record<string, unknown> | undefined
  /** The threads, sub-agents among them, that wait for a person now. */
  onWaiting: (threadIds: ReadonlySet<string>) => void
}

type Asked = { requestId: number | string; threadId: string; turnId: string | null; request: Record<string, unknown> }

/** JSON-RPC "method not found": the only honest answer to a request nobody here understands. */
const METHOD_NOT_FOUND = -32_601

/** Where Codex's questions come in and people's answers go out. */
export class ServerRequests {
  readonly #options: ServerRequestsOptions
  /** What waits for an answer, in full: the stored form may have been cut, and may not be stored yet. */
  readonly #asked = new Map<string, Asked>()

  constructor(options: ServerRequestsOptions) {
    this.#options = options
  }

  /** Codex asks: stored as raised, or refused at once when it is nothing a person can decide. */
  asked(requestId: number | string, method: string, params: Record<string, unknown>): void {
    const { peer, note, item } = this.#options
    const translated = translateRequest(method, params, item)
    if (!translated) {
      peer()?.respondError(requestId, { code: METHOD_NOT_FOUND, message: `codex-bridge does not handle ${method}` })
      note((state) => forwarded(state, notificationEventType(method), method, { ...params, answered: 'not supported' }))
      return
    }
    const approvalId = newId('apr')
    this.#asked.set(approvalId, { requestId, threadId: translated.threadId, turnId: translated.turnId, request: translated.request })
    this.#report()
    note((state) => requestRaised(state, { requestId, approvalId, ...translated }))
  }

  /** A person decided: carried to Codex if it still waits for it. */
  deliver(approval: Approval): void {
    const { peer, state, note } = this.#options
    const open = state().requests.find(({ approvalId }) => approvalId === approval.approvalId)
    const connection = peer()
    if (!open || !approval.decision || !connection) return
    const asked = this.#asked.get(open.approvalId)?.request ?? approval.request
    const delivered = connection.respond(open.requestId, translateDecision(open.kind, approval.decision, asked))
    this.#forget(open.approvalId)
    note((current) => {
      if (!current.requests.some(({ approvalId }) => approvalId === open.approvalId)) return
      return delivered ? requestAnswered(current, open) : requestClosed(current, open, 'Codex no longer waited')
    })
  }

  /** Codex says that a request is settled, by whatever means; the recorder stores that. */
  resolved(requestId: unknown): void {
    for (const [approvalId, asked] of this.#asked) if (asked.requestId === requestId) this.#forget(approvalId)
  }

  /** A turn is over, or as good as: with it every request of it. Older versions of Codex do not say so, newer ones say it late. */
  turnEnded(turnId: string): void {
    for (const [approvalId, asked] of this.#asked) {
      if (asked.turnId !== turnId) continue
      this.#forget(approvalId)
      this.#options.note((state) => {
        const open = state.requests.find((request) => request.approvalId === approvalId)
        return open && requestClosed(state, open, 'The turn ended')
      })
    }
  }

  #forget(approvalId: string): void {
    this.#asked.delete(approvalId)
    this.#report()
  }

  #report(): void {
    this.#options.onWaiting(new Set([...this.#asked.values()].map(({ threadId }) => threadId)))
  }
}
