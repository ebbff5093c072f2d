import type { BridgeEvent, LaneStatus, PayloadOf, SessionState, StatusReason } from '@codex-bridge/contracts'

export type Status = { status: LaneStatus; reason: StatusReason | null }

/** Statuses that claim something is going on. Without a live session a lane may show none of them. */
export const LIVE_STATUSES: ReadonlySet<LaneStatus> = new Set(['starting', 'running', 'needs_approval', 'verifying'])

/** Codes that mean "cannot go on without an outside change" rather than "failed". */
const BLOCKING_CODES: ReadonlySet<string> = new Set([
  'readiness_blocked',
  'active_writer',
  'archived',
  'no_rollout',
  'login_required',
  'no_runner',
  'usage_limit',
  'workspace_missing',
  'workspace_forbidden',
])

/** Of those, what a session that is up again has proved to be over. */
const OVER_WITH_A_SESSION: ReadonlySet<string> = new Set([
  'readiness_blocked',
  'active_writer',
  'archived',
  'no_rollout',
  'no_runner',
  'workspace_missing',
])

const to = (status: LaneStatus, reason: StatusReason | null = null): Status => ({ status, reason })
const because = (code: string, message: string, details?: unknown): StatusReason => ({
  code,
  message,
  ...(details !== undefined && { details }),
})

/**
 * What a session or approval event makes of a lane's status. Pure and total: an event that says nothing about the status
 * returns the current one unchanged (the same object). A type that is not listed does not matter to the status.
 */
export const reduceStatus = (current: Status, event: BridgeEvent): Status => {
  switch (event.type) {
    case 'lane.session.claimed':
      return event.payload.purpose === 'recover' || current.status === 'starting' ? current : to('starting')
    case 'lane.session.started':
      return to('running')
    case 'lane.session.recovered':
      return recovered(current)
    case 'lane.session.stopped':
      return stopped(current, event.payload)
    case 'lane.session.lost':
      return lost(current, event.state)
    case 'lane.session.hibernated':
      return LIVE_STATUSES.has(current.status) ? to('idle', because('hibernated', 'The idle session was put to sleep')) : current
    case 'lane.turn.requested':
      return to('running')
    case 'lane.turn.started':
      // A turn that Codex began by itself; one that was asked for has been announced by its request.
      return event.payload.origin === 'codex' && current.status !== 'running' ? to('running') : current
    case 'lane.turn.completed':
      return turnCompleted(event.payload)
    case 'lane.verification.completed':
      return verified(event.payload)
    case 'lane.approval.requested':
      return current.status === 'running' ? to('needs_approval', because('approval', event.payload.reason)) : current
    case 'lane.approval.resolved':
    case 'lane.approval.expired':
    case 'lane.approval.orphaned':
      return current.status === 'needs_approval' && event.state.pending.length === 0 ? to('running') : current
    default:
      return current
  }
}

const recovered = (current: Status): Status => {
  const isOver = current.status === 'blocked' && OVER_WITH_A_SESSION.has(current.reason?.code ?? '')
  return current.status === 'idle' || current.status === 'starting' || isOver ? to('running') : current
}

const stopped = (current: Status, { cause, reason }: PayloadOf<'lane.session.stopped'>): Status => {
  if (cause === 'start_failed') {
    const why = reason ?? because('start_failed', 'The session could not start')
    return to(BLOCKING_CODES.has(why.code) ? 'blocked' : 'failed', why)
  }
  return LIVE_STATUSES.has(current.status) ? to('idle') : current
}

const lost = (current: Status, session: SessionState): Status => {
  if (!LIVE_STATUSES.has(current.status)) return current
  const reason = because('session_lost', 'The app-server process or its runner ended')
  // An active turn gets its own completion right after; until then the status stays true to it.
  if (session.activeTurn) return current
  return current.status === 'verifying' ? to('interrupted', reason) : to('idle', reason)
}

const turnCompleted = ({ status, cause, error, verification }: PayloadOf<'lane.turn.completed'>): Status => {
  const reason = error ?? (cause === null ? null : because(cause, `The turn ended: ${cause}`))
  if (status === 'completed') return to(verification === 'pending' ? 'verifying' : 'done')
  if (status === 'interrupted') return to('interrupted', reason ?? because('interrupted', 'The turn was interrupted'))
  return to(reason && BLOCKING_CODES.has(reason.code) ? 'blocked' : 'failed', reason ?? because('turn_failed', 'The turn failed'))
}

const verified = ({ status, results: details }: PayloadOf<'lane.verification.completed'>): Status => {
  if (status === 'passed') return to('done')
  if (status === 'interrupted') return to('interrupted', because('verification_interrupted', 'The verification was interrupted', details))
  return to('failed', because('verification_failed', 'A verification command failed', details))
}

/** The event type that announces a status. */
export const statusEventType = (
  status: LaneStatus,
): 'lane.completed' | 'lane.failed' | 'lane.blocked' | 'lane.interrupted' | 'lane.status.changed' => {
  switch (status) {
    case 'done':
      return 'lane.completed'
    case 'failed':
      return 'lane.failed'
    case 'blocked':
      return 'lane.blocked'
    case 'interrupted':
      return 'lane.interrupted'
    default:
      return 'lane.status.changed'
  }
}
