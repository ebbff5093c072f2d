import { type Approval, type ApprovalsState, type OpenRequest, type SessionState, schemaOf } from '@codex-bridge/contracts'
import { eventSamples, sampleEvent } from '@codex-bridge/testkit'
import fc from 'fast-check'
import { NOW } from './lane-samples.ts'

/** An event of a session or of approvals as its service would store it, without the lane it is about. */
export type Happening = { type: string; payload: Record<string, unknown>; state: SessionState | ApprovalsState }

/** Every type that there is a sample of, of the aggregates a lane's status follows from. */
const typesOf = (aggregate: 'session' | 'approval') => [
  ...new Set(eventSamples().flatMap(({ type }) => (schemaOf(type)?.aggregate === aggregate ? type : []))),
]
const SESSION_TYPES = typesOf('session')
const APPROVAL_TYPES = typesOf('approval')

const OWN_THREAD = 'thread-own'
/** Who may be asking: the lane's own thread, a sub-agent, and somebody by hand, whom no session knows. */
const ASKERS = { apr_own: OWN_THREAD, apr_child: 'thread-child', apr_manual: null } as const
type ApprovalId = keyof typeof ASKERS

const PHASES: Record<string, SessionState['phase']> = {
  'lane.session.claimed': 'claimed',
  'lane.session.stopped': 'stopped',
  'lane.session.lost': 'lost',
  'lane.session.hibernated': 'hibernated',
}

const requestOf = (approvalId: Exclude<ApprovalId, 'apr_manual'>): OpenRequest => ({
  requestId: 1,
  approvalId,
  kind: 'command',
  threadId: ASKERS[approvalId],
  turnId: 'turn',
  itemId: null,
})

const reason = fc.constantFrom(
  null,
  null,
  null,
  ...['turn_failed', 'usage_limit', 'login_required', 'no_runner', 'active_writer', 'crash_loop'].map((code) => ({
    code,
    message: `by ${code}`,
  })),
)

/** What a sample's payload may say instead, by type: everything a status depends on. */
const VARIANTS: Record<string, fc.Arbitrary<Record<string, unknown>>> = {
  'lane.session.claimed': fc.record({ purpose: fc.constantFrom('start', 'recover') }),
  'lane.session.stopped': fc.record({ cause: fc.constantFrom('command', 'start_failed', 'crash_loop'), reason }),
  'lane.turn.started': fc.record({ origin: fc.constantFrom('codex', undefined) }),
  'lane.turn.completed': fc.oneof(
    fc.record({
      status: fc.constant('completed'),
      verification: fc.constantFrom('none', 'pending'),
      cause: fc.constant(null),
      error: fc.constant(null),
    }),
    fc.record({
      status: fc.constantFrom('interrupted', 'failed'),
      verification: fc.constant('none'),
      cause: fc.constantFrom(null, 'operator', 'session_lost', 'stalled'),
      error: reason,
    }),
  ),
  'lane.verification.completed': fc.record({ status: fc.constantFrom('passed', 'failed', 'interrupted') }),
}

/** As often one that a status hangs on as any other. */
const sessionType = fc.oneof(fc.constantFrom(...Object.keys(VARIANTS)), fc.constantFrom(...SESSION_TYPES))

const sessionHappening = sessionType.chain((type) =>
  fc
    .record({
      variant: VARIANTS[type] ?? fc.constant({}),
      open: fc.subarray(['apr_own', 'apr_child'] as const),
      inTurn: fc.boolean(),
    })
    .map(({ variant, open, inTurn }): Happening => {
      const { payload, state } = sampleEvent(type)
      const phase = PHASES[type] ?? 'live'
      const activeTurn = { commandId: 'cmd', turnId: 'turn', requestedAt: NOW, startedAt: NOW }
      const session = {
        ...(state as unknown as SessionState),
        phase,
        threadId: OWN_THREAD,
        // Old records of ended sessions may still list what was open.
        requests: open.map(requestOf),
        activeTurn: type !== 'lane.turn.completed' && inTurn ? activeTurn : null,
      }
      return { type, payload: { ...payload, ...variant }, state: session }
    }),
)

const approvalHappening = fc
  .record({ type: fc.constantFrom(...APPROVAL_TYPES), ids: fc.subarray(Object.keys(ASKERS) as ApprovalId[]) })
  .map(({ type, ids }): Happening => {
    const { payload } = sampleEvent(type)
    const approval = payload['approval'] as Approval
    const pending = ids.map((approvalId) => ({ ...approval, approvalId, threadId: ASKERS[approvalId], status: 'pending' as const }))
    return { type, payload, state: { laneId: '', incarnation: '', pending, ended: [], appliedSeq: 0 } }
  })

/** Any event that a lane's status may follow from, in any order, each with a state that fits it. */
export const anyHappening: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 3, arbitrary: sessionHappening },
  { weight: 2, arbitrary: approvalHappening },
)
