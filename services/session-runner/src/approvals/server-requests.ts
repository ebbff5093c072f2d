import { type JsonObject, RPC_METHOD_NOT_FOUND } from '@codex-bridge/codex-client'
import type { Approval } from '@codex-bridge/contracts'
import { newId } from '@codex-bridge/service-kit'
import type { SessionContext } from '../sessions/session-context.ts'
import { forwarded, requestAnswered, requestClosed, requestRaised } from '../sessions/session-decider.ts'
import { translateDecision, translateRequest } from './approval-translator.ts'
import type { PendingRequest } from './pending-requests.ts'

/** Codex asks: raised as an approval, or refused at once if a person cannot decide it. */
export const raiseRequest = (context: SessionContext, requestId: number | string, method: string, params: JsonObject): void => {
  const { server, store, requests, turn } = context
  const translated = translateRequest(method, params, (itemId) => turn.items.get(itemId)?.item)
  if (!translated) {
    server.peer.respondError(requestId, { code: RPC_METHOD_NOT_FOUND, message: `codex-bridge does not handle ${method}` })
    store.appendLater((state) => forwarded(state, method, { ...params, answered: 'not supported' }))
    return
  }
  const approvalId = newId('apr')
  const { threadId, turnId, request } = translated
  requests.add(approvalId, { requestId, threadId, turnId, request })
  watchWaiting(context)
  store.appendLater((state) => requestRaised(state, { requestId, approvalId, ...translated }))
}

/** A person decided: the decision goes to Codex if it still waits for it. */
export const deliverDecision = (context: SessionContext, approval: Approval): void => {
  const { appServer, store, requests } = context
  const open = store.state.requests.find(({ approvalId }) => approvalId === approval.approvalId)
  if (!open || !approval.decision || !appServer) return
  const asked = requests.get(open.approvalId)?.request ?? approval.request
  const delivered = appServer.peer.respond(open.requestId, translateDecision(open.kind, approval.decision, asked))
  remove(context, (_request, approvalId) => approvalId === open.approvalId)
  store.appendLater((state) => {
    if (!state.requests.some(({ approvalId }) => approvalId === open.approvalId)) return
    return delivered ? requestAnswered(state, open) : requestClosed(state, open, 'Codex no longer waited')
  })
}

/** Codex settled a request itself, by whatever means. */
export const closeResolvedRequest = (context: SessionContext, requestId: number | string, threadId: string): void => {
  context.store.appendLater((state) => {
    const open = state.requests.find((request) => request.requestId === requestId && request.threadId === threadId)
    return open && requestClosed(state, open, 'Codex resolved it')
  })
}

/** Codex no longer waits for an answer to this request. */
export const forgetRequest = (context: SessionContext, requestId: number | string): void => {
  remove(context, (request) => request.requestId === requestId)
}

/** A turn is over or is being ended, and its requests with it. Older versions of Codex do not report that, newer ones late. */
export const closeRequestsOfTurn = (context: SessionContext, turnId: string): void => {
  for (const approvalId of remove(context, (request) => request.turnId === turnId)) {
    context.store.appendLater((state) => {
      const open = state.requests.find((request) => request.approvalId === approvalId)
      return open && requestClosed(state, open, 'The turn ended')
    })
  }
}

const remove = (context: SessionContext, fits: (request: PendingRequest, approvalId: string) => boolean): string[] => {
  const removed = context.requests.remove(fits)
  if (removed.length > 0) watchWaiting(context)
  return removed
}

/** Time that a person takes does not count as a stall. */
const watchWaiting = ({ watchdogs, requests }: SessionContext): void => watchdogs.asking(requests.waitingThreads)
