import { type CodexNotification, type JsonObject, notificationKind, readNotification, type ThreadItem } from '@codex-bridge/codex-client'
import type { SessionState } from '@codex-bridge/contracts'
import { closeRequestsOfTurn, closeResolvedRequest, forgetRequest } from '../approvals/server-requests.ts'
import type { SessionContext } from '../sessions/session-context.ts'
import { forwarded, type TurnEnd, turnAppeared, turnCompleted, turnStarted, usageUpdated } from '../sessions/session-decider.ts'
import { followSubAgent } from '../sub-agents/sub-agent-tracker.ts'
import { finalMessageOf, turnErrorOf, turnStatusOf } from '../turns/turn-outcome.ts'
import { verifyTurn } from '../turns/verification.ts'

type TurnCompleted = Extract<CodexNotification, { method: 'turn/completed' }>['params']

/**
 * Codex sends these around the end of every turn. Their content is in canonical events or is read when needed, so the end of the
 * turn does not wait until they are stored.
 */
const LOW_PRIORITY = new Set([
  'thread/status/changed',
  'thread/readState/changed',
  'thread/tokenUsage/updated',
  'account/rateLimits/updated',
])

/**
 * Turns a notification of Codex into events, in the order they came except for the low-priority ones. The canonical event goes
 * before the raw one, so that clients learn of the end of a turn as early as possible.
 *
 * Codex reports on every thread of its process. Only the lane's own thread leads to canonical turn events; the others are
 * sub-agents.
 */
export const handleNotification = (context: SessionContext, method: string, params: JsonObject): void => {
  const { store, watchdogs, deltas } = context
  context.touch()
  const notification = readNotification(method, params)
  watchdogs.noticed(typeof params['threadId'] === 'string' ? params['threadId'] : null, notification)
  if (notificationKind(method) === 'delta') {
    deltas.add(method, params)
    return
  }
  if (notification) recordCanonical(context, notification)
  store[LOW_PRIORITY.has(method) ? 'appendLowPriority' : 'appendLater']((state) => forwarded(state, method, params))
  if (notification) applyAfterwards(context, notification)
}

/** What a notification means to the bridge, stored before the notification itself. */
const recordCanonical = (context: SessionContext, notification: CodexNotification): void => {
  const { turn, store, watchdogs } = context
  const { method, params } = notification
  const isOwn = context.isOwnThread(params.threadId)
  switch (method) {
    case 'turn/started': {
      if (!isOwn) {
        watchdogs.begin(params.threadId)
        followSubAgent(context, notification)
        return
      }
      turn.finalMessage = null
      const { now } = context
      const { id } = params.turn
      store.appendLater((state) => (state.activeTurn ? turnStarted(state, id, now) : turnAppeared(state, id, now)))
      return
    }
    case 'turn/completed': {
      if (isOwn) {
        const end = turnEndOf(context, params)
        store.appendLater((state) => (concerns(state, params.turn.id) ? turnCompleted(state, end) : undefined))
      } else {
        watchdogs.end(params.threadId)
        followSubAgent(context, notification)
      }
      // The turn's unfinished items are over with it; those of other threads are not.
      for (const [itemId, known] of turn.items) if (known.threadId === params.threadId) turn.items.delete(itemId)
      return
    }
    case 'item/started':
      turn.items.set(params.item.id, params)
      return
    case 'item/completed':
      turn.items.delete(params.item.id)
      // A sub-agent's message is meant for its parent, not for the client that asked for the turn.
      if (isOwn) turn.finalMessage = messageOf(params.item) ?? turn.finalMessage
      return
    case 'thread/tokenUsage/updated':
      if (isOwn) turn.usage = params.tokenUsage
      return
    case 'serverRequest/resolved':
      closeResolvedRequest(context, params.requestId, params.threadId)
      return
    default:
      // An `error` only matters to the watchdogs.
      return
  }
}

/** What follows once the notification itself is on its way to the log. */
const applyAfterwards = (context: SessionContext, { method, params }: CodexNotification): void => {
  if (method === 'serverRequest/resolved') forgetRequest(context, params.requestId)
  if (method !== 'turn/completed') return
  if (context.isOwnThread(params.threadId)) finishOwnTurn(context, params)
  closeRequestsOfTurn(context, params.turn.id)
  if (context.isOwnThread(params.threadId)) void verifyTurn(context)
}

const finishOwnTurn = ({ watchdogs, deltas, turn, store }: SessionContext, params: TurnCompleted): void => {
  watchdogs.end(params.threadId)
  deltas.flush()
  turn.ending = undefined
  const { usage } = turn
  if (usage !== null) store.appendLater((state) => usageUpdated(state, usage, params.turn.id))
}

const turnEndOf = ({ turn: progress, lane }: SessionContext, { turn }: TurnCompleted): TurnEnd => {
  const { cause = null, failure, record } = progress.ending ?? {}
  const status = turnStatusOf(turn)
  return {
    status: status === 'interrupted' && failure ? 'failed' : status,
    cause: status === 'completed' ? null : cause,
    error: failure && status !== 'completed' ? failure : turnErrorOf(turn.error),
    finalMessage: finalMessageOf(turn.items) ?? progress.finalMessage,
    usage: progress.usage,
    durationMs: typeof turn.durationMs === 'number' ? turn.durationMs : null,
    verify: lane.verificationCommands.length > 0,
    record,
  }
}

const messageOf = (item: ThreadItem): string | null => (item.type === 'agentMessage' && typeof item.text === 'string' ? item.text : null)

/** Codex may complete a turn whose start it never reported; it is the active one if that has no id yet. */
const concerns = ({ activeTurn }: SessionState, turnId: string): boolean =>
  activeTurn !== null && (activeTurn.turnId === null || activeTurn.turnId === turnId)
