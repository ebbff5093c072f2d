import { notificationKind } from '@codex-bridge/codex-client'
import { notificationEventType, type SessionState } from '@codex-bridge/contracts'
import {
  forwarded,
  requestClosed,
  type SessionDraft,
  type TurnEnd,
  turnAppeared,
  turnCompleted,
  turnStarted,
} from '../sessions/session-decider.ts'
import { finalMessageOf, turnErrorOf, turnStatusOf } from '../turns/turn-outcome.ts'

export type RecorderOptions = {
  /** Appends what the decision makes of the state, after everything recorded before; or, if it yields, when nothing else is left to append. */
  record: (decide: (state: SessionState) => SessionDraft | undefined, yields?: boolean) => void
  delta: (method: string, params: Record<string, unknown>) => void
  /** Why the active turn is being ended by the bridge, if it is. */
  ending: () => Pick<TurnEnd, 'cause' | 'record'> & { failure?: TurnEnd['error'] }
  /** Whether a completed turn is to be verified. */
  verifies: () => boolean
  now: () => string
}

type Params = Record<string, unknown>

/**
 * Codex says these around the end of every turn. What they tell stands in canonical events or is asked for when needed, so the end
 * of the turn does not wait until they are stored.
 */
const YIELDING = new Set(['thread/status/changed', 'thread/readState/changed', 'thread/tokenUsage/updated', 'account/rateLimits/updated'])

/**
 * Turns app-server notifications into events, in the order they came, but for the few that give way. The canonical event goes
 * first and the raw forward after it, so that whoever waits for the end of a turn hears of it as early as possible. Only notifications of the session's
 * own thread are canonical: sub-agents talk over the same connection under their own thread ids.
 */
export class NotificationRecorder {
  readonly #options: RecorderOptions
  /** Items under way, by id: a file-change request does not carry its changes. */
  readonly #items = new Map<string, { threadId: unknown; item: Params }>()
  #finalMessage: string | null = null
  #usage: unknown = null

  constructor(options: RecorderOptions) {
    this.#options = options
  }

  /** An item under way. */
  item(itemId: string): Params | undefined {
    return this.#items.get(itemId)?.item
  }

  /** Token usage as last reported. */
  get usage(): unknown {
    return this.#usage
  }

  /** The last agent message of the thread's current or last turn. */
  get finalMessage(): string | null {
    return this.#finalMessage
  }

  accept(method: string, params: Params, isOwn: boolean): void {
    const { record, delta } = this.#options
    if (notificationKind(method) === 'delta') {
      delta(method, params)
      return
    }
    if (isOwn) this.#canonical(method, params)
    if (method === 'item/started' || method === 'item/completed') this.#remember(method, params, isOwn)
    if (method === 'turn/completed') this.#forget(params['threadId'])
    if (method === 'serverRequest/resolved') this.#closed(params)
    record((state) => forwarded(state, notificationEventType(method), method, params), YIELDING.has(method))
  }

  #canonical(method: string, params: Params): void {
    const { record, now } = this.#options
    const turn = turnIn(params)
    if (method === 'turn/started' && turn) {
      this.#finalMessage = null
      record((state) => (state.activeTurn ? turnStarted(state, turn.id, now()) : turnAppeared(state, turn.id, now())))
    } else if (method === 'turn/completed' && turn) {
      const end = this.#endOf(turn)
      record((state) => (concerns(state, turn.id) ? turnCompleted(state, end) : undefined))
    } else if (method === 'thread/tokenUsage/updated') {
      this.#usage = params['tokenUsage']
    }
  }

  #endOf(turn: { items?: unknown; error?: unknown; status?: unknown; durationMs?: unknown }): TurnEnd {
    const { ending, verifies } = this.#options
    const { cause, record, failure } = ending()
    const status = turnStatusOf(turn)
    return {
      status: status === 'interrupted' && failure ? 'failed' : status,
      cause: status === 'completed' ? null : cause,
      error: failure && status !== 'completed' ? failure : turnErrorOf(turn.error),
      finalMessage: finalMessageOf(turn.items) ?? this.#finalMessage,
      usage: this.#usage,
      durationMs: typeof turn.durationMs === 'number' ? turn.durationMs : null,
      verify: verifies(),
      record,
    }
  }

  #remember(method: string, params: Params, isOwn: boolean): void {
    const item = params['item'] as (Params & { id?: unknown; type?: unknown; text?: unknown }) | undefined
    if (typeof item?.id !== 'string') return
    if (method === 'item/started') this.#items.set(item.id, { threadId: params['threadId'], item })
    else this.#items.delete(item.id)
    const isMessage = method === 'item/completed' && item.type === 'agentMessage' && typeof item.text === 'string'
    // What a sub-agent says is said to its parent, not to whoever asked for the turn.
    if (isOwn && isMessage) this.#finalMessage = item.text as string
  }

  /** Items that a turn left unfinished are over with it; those of other threads are not. */
  #forget(threadId: unknown): void {
    for (const [itemId, known] of this.#items) if (known.threadId === threadId) this.#items.delete(itemId)
  }

  #closed(params: Params): void {
    this.#options.record((state) => {
      const open = state.requests.find(({ requestId, threadId }) => requestId === params['requestId'] && threadId === params['threadId'])
      return open && requestClosed(state, open, 'Codex resolved it by itself')
    })
  }
}

type Turn = { id: string; items?: unknown; error?: unknown; status?: unknown; durationMs?: unknown }

/** The turn a notification is about; undefined where it is not told in a way we know. */
const turnIn = ({ turn }: Params): Turn | undefined =>
  typeof (turn as { id?: unknown } | null | undefined)?.id === 'string' ? (turn as Turn) : undefined

/** Codex may complete a turn whose start it never reported; it is ours if we wait for one without a name. */
const concerns = (state: SessionState, turnId: string): boolean =>
  state.activeTurn !== null && (state.activeTurn.turnId === null || state.activeTurn.turnId === turnId)
