import {
  type Approval,
  type ApprovalsState,
  BridgeError,
  type OpenRequest,
  type SessionEvent,
  type SessionState,
} from '@codex-bridge/contracts'
import { liveSession, openRequest } from '@codex-bridge/testkit'
import type { DecideRequest } from '../../src/deciders/resolution-decider.ts'
import { decideFromSession } from '../../src/deciders/session-decider.ts'

export const NOW = '2026-01-01T00:00:00.000Z'
export const LATER = '2026-01-01T00:01:00.000Z'
export type Version = { state: ApprovalsState | undefined; seq: number }
export const NOTHING: Version = { state: undefined, seq: 0 }

/** A request of Codex that is open. */
export const open = (approvalId: string, kind: OpenRequest['kind'] = 'command'): OpenRequest =>
  openRequest(approvalId, { requestId: 0, kind, threadId: 't' })
/** A running session of lane `a` with these open requests. */
export const session = (requests: OpenRequest[], incarnation = 'evt_a'): SessionState =>
  liveSession({ incarnation, epoch: 3, threadId: 't', threadStored: true, requests })
/** A session event of lane `a`. */
export const event = (type: string, seq: number, state: SessionState, payload: Record<string, unknown> = {}): SessionEvent =>
  ({
    seq,
    id: `evt_${seq}`,
    ts: NOW,
    type,
    laneId: 'a',
    threadId: 't',
    sessionId: 'a',
    epoch: 3,
    payload,
    state,
  }) as SessionEvent
/** Payload of `lane.session.request.raised`. */
export const raisedPayload = (id: string, more: Record<string, unknown> = {}) => ({
  ...open(id),
  reason: 'Run it?',
  request: { method: 'item/commandExecution/requestApproval', command: 'ls', cwd: '/w' },
  availableDecisions: ['approve', 'deny'],
  ...more,
})
/** The event of a raised request. */
export const raised = (id: string, seq: number, others: OpenRequest[] = [], more: Record<string, unknown> = {}) =>
  event('lane.session.request.raised', seq, session([...others, open(id)]), raisedPayload(id, more))

/** Calls the decider until it returns nothing more, as the leader does. */
export const react = (version: Version, on: SessionEvent, expiresAt: string | null = null) => {
  let current = version
  const drafts = []
  for (;;) {
    const draft = decideFromSession(current, on, NOW, expiresAt)
    if (!draft) return { version: current, drafts }
    drafts.push(draft)
    current = { state: draft.state, seq: current.seq + 1 }
    if (drafts.length > 100) throw new Error('the decider does not end')
  }
}
/** A person's decision about `apr_1` unless named otherwise. */
export const decide = (
  action: DecideRequest['action'],
  commandId = 'cmd-1',
  body: DecideRequest['body'] = {},
  approvalId = 'apr_1',
): DecideRequest => ({
  laneId: 'a',
  approvalId,
  action,
  body,
  commandId,
  now: LATER,
})
/** The approvals of lane `a` with `apr_1` pending. */
export const pendingOne = (more: Record<string, unknown> = {}, expiresAt: string | null = null) =>
  react(NOTHING, raised('apr_1', 10, [], more), expiresAt).version
export const approvalOf = (version: Version, id = 'apr_1'): Approval | undefined =>
  [...(version.state?.pending ?? []), ...(version.state?.ended ?? [])].find(({ approvalId }) => approvalId === id)
/** Error code of a call that throws a BridgeError, or `no error`. */
export const codeOf = (call: () => unknown) => {
  try {
    call()
  } catch (error) {
    if (error instanceof BridgeError) return error.code
    throw error
  }
  return 'no error'
}
/** The version a draft leads to. */
export const after = (version: Version, draft: { state: ApprovalsState } | undefined): Version =>
  draft ? { state: draft.state, seq: version.seq + 1 } : version
