import {
  type Approval,
  ApprovalsState,
  BridgeError,
  ENDED_APPROVALS_KEPT,
  guard,
  MAX_MESSAGE_BYTES,
  MAX_PAYLOAD_BYTES,
  type OpenRequest,
  type SessionEvent,
  type SessionState,
} from '@codex-bridge/contracts'
import { liveSession, openRequest } from '@codex-bridge/testkit'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type DecideRequest, decideExpiry, decideFromSession, decideResolution } from './approval-decider.ts'

const NOW = '2026-01-01T00:00:00.000Z'
const LATER = '2026-01-01T00:01:00.000Z'
type Version = { state: ApprovalsState | undefined; seq: number }
const NOTHING: Version = { state: undefined, seq: 0 }

const open = (approvalId: string, kind: OpenRequest['kind'] = 'command'): OpenRequest =>
  openRequest(approvalId, { requestId: 0, kind, threadId: 't' })
const session = (requests: OpenRequest[], incarnation = 'evt_a'): SessionState =>
  liveSession({ incarnation, epoch: 3, threadId: 't', threadStored: true, requests })
const event = (type: string, seq: number, state: SessionState, payload: Record<string, unknown> = {}): SessionEvent =>
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
const raisedPayload = (id: string, more: Record<string, unknown> = {}) => ({
  ...open(id),
  reason: 'Run it?',
  request: { method: 'item/commandExecution/requestApproval', command: 'ls', cwd: '/w' },
  availableDecisions: ['approve', 'deny'],
  ...more,
})
const raised = (id: string, seq: number, others: OpenRequest[] = [], more: Record<string, unknown> = {}) =>
  event('lane.session.request.raised', seq, session([...others, open(id)]), raisedPayload(id, more))

/** Lets the decider react until it has nothing more to say, as the keeper does. */
const react = (version: Version, on: SessionEvent, expiresAt: string | null = null) => {
  let current = version
  const drafts = []
  for (;;) {
    const draft = decideFromSession(current, on, NOW, expiresAt)
    if (!draft) return { version: current, drafts }
    drafts.push(draft)
    current = { state: draft.state, seq: current.seq + 1 }
    if (drafts.length > 100) throw new Error('the decider never ends')
  }
}
const decide = (
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
const pendingOne = (more: Record<string, unknown> = {}, expiresAt: string | null = null) =>
  react(NOTHING, raised('apr_1', 10, [], more), expiresAt).version
const approvalOf = (version: Version, id = 'apr_1'): Approval | undefined =>
  [...(version.state?.pending ?? []), ...(version.state?.ended ?? [])].find(({ approvalId }) => approvalId === id)
const codeOf = (call: () => unknown) => {
  try {
    call()
  } catch (error) {
    if (error instanceof BridgeError) return error.code
    throw error
  }
  return 'no error'
}
const after = (version: Version, draft: { state: ApprovalsState } | undefined): Version =>
  draft ? { state: draft.state, seq: version.seq + 1 } : version

describe('a raised request', () => {
  it('becomes a pending approval with everything needed to decide', () => {
    const { version, drafts } = react(NOTHING, raised('apr_1', 10))
    expect(drafts).toHaveLength(1)
    expect(drafts[0]).toMatchObject({ type: 'lane.approval.requested', laneId: 'a', threadId: 't', turnId: 'turn-1', epoch: 3 })
    expect(guard(ApprovalsState)(version.state)).toBe(true)
    expect(approvalOf(version)).toMatchObject({
      status: 'pending',
      delivery: 'none',
      raisedSeq: 10,
      request: { command: 'ls', cwd: '/w' },
      itemId: 'item-1',
      expiresAt: null,
    })
  })

  it('is seen once, however often it is read', () => {
    const { version } = react(NOTHING, raised('apr_1', 10))
    expect(react(version, raised('apr_1', 10)).drafts).toEqual([])
  })

  it('two at once wait side by side', () => {
    const first = react(NOTHING, raised('apr_1', 10)).version
    const second = react(first, raised('apr_2', 11, [open('apr_1')])).version
    expect(second.state?.pending.map(({ approvalId }) => approvalId)).toEqual(['apr_1', 'apr_2'])
  })
})

describe('a decision', () => {
  it('is stored, to be delivered; the first one wins', () => {
    const version = pendingOne()
    const draft = decideResolution(version, decide('approve', 'cmd-1', { note: 'fine' }))
    expect(draft).toMatchObject({
      type: 'lane.approval.resolved',
      commandId: 'cmd-1',
      payload: { status: 'approved', decision: { decision: 'approve' } },
    })
    const decided = after(version, draft)
    expect(approvalOf(decided)).toMatchObject({ status: 'approved', delivery: 'pending', decidedBy: 'cmd-1', resolvedAt: LATER })
    expect(guard(ApprovalsState)(decided.state)).toBe(true)
    const late = (() => {
      try {
        decideResolution(decided, decide('deny', 'cmd-2'))
      } catch (error) {
        return error as BridgeError
      }
      return undefined
    })()
    expect(late).toMatchObject({
      code: 'approval_already_resolved',
      status: 409,
      details: { status: 'approved', decision: { decision: 'approve', note: 'fine' } },
    })
  })

  it('repeated by the same command changes nothing; with another answer it is a reused key', () => {
    const version = pendingOne()
    const decided = after(version, decideResolution(version, decide('approve')))
    expect(decideResolution(decided, decide('approve'))).toBeUndefined()
    expect(codeOf(() => decideResolution(decided, decide('deny')))).toBe('idempotency_key_reused')
    expect(codeOf(() => decideResolution(decided, decide('approve', 'cmd-1', { scope: 'session' })))).toBe('idempotency_key_reused')
    const two = react(decided, raised('apr_2', 12)).version
    expect(codeOf(() => decideResolution(two, decide('approve', 'cmd-1', {}, 'apr_2')))).toBe('idempotency_key_reused')
  })

  it('needs an approval that exists and still waits', () => {
    expect(codeOf(() => decideResolution(NOTHING, decide('approve')))).toBe('approval_not_found')
    expect(codeOf(() => decideResolution(pendingOne(), decide('approve', 'c', {}, 'apr_9')))).toBe('approval_not_found')
    const gone = react(
      pendingOne(),
      event('lane.session.request.closed', 11, session([]), { approvalId: 'apr_1', reason: 'The turn ended' }),
    ).version
    expect(codeOf(() => decideResolution(gone, decide('approve')))).toBe('approval_orphaned')
  })

  it.each<[string, Record<string, unknown>, DecideRequest['action'], DecideRequest['body'], string]>([
    ['approve that says deny', {}, 'approve', { decision: 'deny' }, 'validation_error'],
    ['deny that says approve', {}, 'deny', { decision: 'approve' }, 'validation_error'],
    ['deny that cancels', {}, 'deny', { decision: 'cancel' }, 'no error'],
    ['approve for the session', {}, 'approve', { scope: 'session' }, 'no error'],
    ['questions approved without answers', { kind: 'user_input' }, 'approve', {}, 'validation_error'],
    ['questions approved with answers', { kind: 'user_input' }, 'approve', { answers: { q: ['yes'] } }, 'no error'],
    ['questions denied without answers', { kind: 'user_input' }, 'deny', {}, 'no error'],
    [
      'a form with required fields approved empty',
      { kind: 'mcp_elicitation', request: { requestedSchema: { required: ['a'] } } },
      'approve',
      {},
      'validation_error',
    ],
    [
      'a form with required fields filled in',
      { kind: 'mcp_elicitation', request: { requestedSchema: { required: ['a'] } } },
      'approve',
      { content: { a: 1 } },
      'no error',
    ],
    ['a form without required fields', { kind: 'mcp_elicitation', request: { requestedSchema: {} } }, 'approve', {}, 'no error'],
    ['a form that was cut when it was stored', { kind: 'mcp_elicitation', request: undefined }, 'approve', {}, 'no error'],
    ['an answer as large as a book', { kind: 'user_input' }, 'approve', { answers: { q: ['x'.repeat(100_000)] } }, 'validation_error'],
  ])('%s: %s', (_what, more, action, body, code) => {
    const version = pendingOne(more)
    expect(codeOf(() => decideResolution(version, decide(action, 'c', body)))).toBe(code)
  })

  it('cancel counts as denied', () => {
    const version = pendingOne()
    expect(approvalOf(after(version, decideResolution(version, decide('deny', 'c', { decision: 'cancel' }))))).toMatchObject({
      status: 'denied',
      decision: { decision: 'cancel' },
    })
  })
})

describe('the end of a request', () => {
  const decided = () => {
    const version = pendingOne()
    return after(version, decideResolution(version, decide('approve')))
  }

  it('answered: the decision was delivered', () => {
    const { drafts, version } = react(decided(), event('lane.session.request.answered', 12, session([]), { approvalId: 'apr_1' }))
    expect(drafts.map(({ type }) => type)).toEqual(['lane.approval.delivered'])
    expect(approvalOf(version)).toMatchObject({ status: 'approved', delivery: 'delivered', deliveredAt: NOW })
  })

  it('lost before the answer: decided, but never delivered', () => {
    const { drafts, version } = react(decided(), event('lane.session.lost', 12, session([]), { reason: 'runner_gone', message: 'gone' }))
    expect(drafts.map(({ type }) => type)).toEqual(['lane.approval.orphaned'])
    expect(approvalOf(version)).toMatchObject({ status: 'approved', delivery: 'lost', endedReason: 'runner_gone' })
  })

  it('nobody decided: orphaned, with a reason in words whatever the event carries', () => {
    const ends: [string, Record<string, unknown>, string][] = [
      ['lane.session.lost', { reason: 'process_exited' }, 'process_exited'],
      ['lane.session.request.closed', { approvalId: 'apr_1', reason: 'The turn ended' }, 'The turn ended'],
      ['lane.session.stopped', { cause: 'command', reason: null }, 'lane.session.stopped'],
      ['lane.session.stopped', { cause: 'start_failed', reason: { code: 'no_rollout', message: 'm' } }, 'no_rollout'],
      ['lane.session.hibernated', { why: 'idle' }, 'lane.session.hibernated'],
      ['lane.session.claimed', { purpose: 'recover' }, 'lane.session.claimed'],
    ]
    for (const [type, payload, reason] of ends) {
      const { drafts, version } = react(pendingOne(), event(type, 12, session([]), payload))
      expect(
        drafts.map((draft) => draft.type),
        type,
      ).toEqual(['lane.approval.orphaned'])
      expect(approvalOf(version), type).toMatchObject({ status: 'orphaned', endedReason: reason })
    }
  })

  it('of two requests ends the one that is over', () => {
    const both = react(pendingOne(), raised('apr_2', 11, [open('apr_1')])).version
    const { version } = react(both, event('lane.session.request.closed', 12, session([open('apr_2')]), { approvalId: 'apr_1' }))
    expect([approvalOf(version)?.status, approvalOf(version, 'apr_2')?.status]).toEqual(['orphaned', 'pending'])
  })

  it('never touches a request that is younger than the event', () => {
    const version = react(pendingOne(), raised('apr_2', 20, [open('apr_1')])).version
    expect(react(version, event('lane.session.started', 5, session([]))).drafts).toEqual([])
  })

  it.each(['runtime', 'app-server'] as const)("takes what a person raised by hand as %s for none of Codex's", (source) => {
    const version = pendingOne()
    const manual = {
      state: {
        ...(version.state as ApprovalsState),
        pending: (version.state?.pending ?? []).map((approval) => ({ ...approval, source, kind: 'manual' as const })),
      },
      seq: 1,
    }
    expect(react(manual, event('lane.session.stopped', 12, session([]))).drafts).toEqual([])
    expect(approvalOf(after(manual, decideResolution(manual, decide('approve'))))).toMatchObject({ status: 'approved', delivery: 'none' })
  })
})

describe('expiry', () => {
  it('denies what is due, once, and then it is delivered like a decision', () => {
    const version = pendingOne({}, LATER)
    expect(decideExpiry(version, 'apr_1', NOW)).toBeUndefined()
    const draft = decideExpiry(version, 'apr_1', LATER)
    expect(draft).toMatchObject({ type: 'lane.approval.expired', payload: { status: 'expired', decision: { decision: 'deny' } } })
    const expired = after(version, draft)
    expect(decideExpiry(expired, 'apr_1', LATER)).toBeUndefined()
    expect(codeOf(() => decideResolution(expired, decide('approve')))).toBe('approval_already_resolved')
    const { version: delivered } = react(expired, event('lane.session.request.answered', 12, session([]), { approvalId: 'apr_1' }))
    expect(approvalOf(delivered)).toMatchObject({ status: 'expired', delivery: 'delivered' })
  })

  it('leaves alone what has no deadline or was decided', () => {
    expect(decideExpiry(pendingOne(), 'apr_1', LATER)).toBeUndefined()
    const version = pendingOne({}, NOW)
    expect(decideExpiry(after(version, decideResolution(version, decide('approve'))), 'apr_1', LATER)).toBeUndefined()
    expect(decideExpiry(NOTHING, 'apr_1', LATER)).toBeUndefined()
  })
})

describe('a lane created anew under the same id', () => {
  const second = (id: string, seq: number) => event('lane.session.request.raised', seq, session([open(id)], 'evt_b'), raisedPayload(id))

  it('starts with no approvals', () => {
    const { version } = react(pendingOne(), second('apr_b', 30))
    expect(version.state).toMatchObject({ incarnation: 'evt_b', ended: [] })
    expect(version.state?.pending.map(({ approvalId }) => approvalId)).toEqual(['apr_b'])
  })

  it('keeps its approvals when events of its predecessor are read again', () => {
    const { version } = react(pendingOne(), second('apr_b', 30))
    for (const old of [raised('apr_1', 10), raised('apr_0', 8), event('lane.session.stopped', 12, session([]))]) {
      expect(react(version, old).drafts, old.type).toEqual([])
    }
  })
})

describe('the size of what is stored', () => {
  const sizeOf = (draft: object) => Buffer.byteLength(JSON.stringify({ id: 'evt_01M828E0000000000000000001', ts: NOW, ...draft }))
  /** As large as a session event can carry it. */
  const patch = (bytes: number) => ({ method: 'item/fileChange/requestApproval', changes: [{ path: 'a', diff: '"\\'.repeat(bytes / 4) }] })

  it('fits a message with the largest request there can be', () => {
    const on = raised('apr_1', 10, [], { kind: 'file_change', request: patch(MAX_PAYLOAD_BYTES / 2 - 4096) })
    const { version, drafts } = react(NOTHING, on)
    for (const draft of drafts) expect(sizeOf(draft)).toBeLessThan(MAX_MESSAGE_BYTES)
    const resolved = decideResolution(version, decide('approve', 'c', { note: 'n'.repeat(4096) }))
    expect(resolved && sizeOf(resolved)).toBeLessThan(MAX_MESSAGE_BYTES)
    expect(resolved?.payload['approval']).toMatchObject({ request: { changes: [{ path: 'a' }] } })
  })

  it('fits a message with many large approvals, waiting and ended, and the newest keep what was asked', () => {
    let version: Version = NOTHING
    const requests: OpenRequest[] = []
    for (let index = 0; index < 30; index += 1) {
      const id = `apr_${index}`
      const on = raised(id, 10 + index, requests, { kind: 'file_change', request: patch(60_000) })
      const reaction = react(version, on)
      for (const draft of reaction.drafts) expect(sizeOf(draft)).toBeLessThan(MAX_MESSAGE_BYTES)
      version = reaction.version
      if (index % 2 === 0) {
        requests.push(open(id))
        continue
      }
      const draft = decideResolution(version, decide('approve', `cmd-${index}`, { note: 'n'.repeat(4000) }, id))
      expect(draft && sizeOf(draft)).toBeLessThan(MAX_MESSAGE_BYTES)
      version = after(version, draft)
    }
    expect(guard(ApprovalsState)(version.state)).toBe(true)
    expect(version.state?.pending).toHaveLength(15)
    expect(version.state?.pending.at(-1)?.request).toHaveProperty('changes')
    expect(version.state?.pending.at(0)?.request).toMatchObject({ truncated: true, method: 'item/fileChange/requestApproval' })
    const last = react(version, event('lane.session.lost', 99, session([])))
    for (const draft of last.drafts) expect(sizeOf(draft)).toBeLessThan(MAX_MESSAGE_BYTES)
    expect(last.version.state?.pending).toEqual([])
  })

  it('remembers a bounded number of ended approvals', () => {
    let version: Version = NOTHING
    for (let index = 0; index < ENDED_APPROVALS_KEPT + 10; index += 1) {
      version = react(version, raised(`apr_${index}`, 10 + 2 * index)).version
      version = react(version, event('lane.session.request.closed', 11 + 2 * index, session([]), { approvalId: `apr_${index}` })).version
    }
    expect(version.state?.ended).toHaveLength(ENDED_APPROVALS_KEPT)
    expect(version.state?.ended.at(-1)?.approvalId).toBe(`apr_${ENDED_APPROVALS_KEPT + 9}`)
  })
})

// ---- property --------------------------------------------------------------------------------------------------------

type Step =
  | { kind: 'raise' }
  | { kind: 'end'; which: number; how: 'answered' | 'closed' }
  | { kind: 'all'; type: 'lane.session.lost' | 'lane.session.stopped' | 'lane.session.hibernated' }
  | { kind: 'follow'; events: number }
  | { kind: 'again'; events: number }
  | { kind: 'decide'; which: number; action: 'approve' | 'deny'; command: number }
  | { kind: 'expire'; which: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('raise' as const) }),
  fc.record({ kind: fc.constant('end' as const), which: fc.nat(5), how: fc.constantFrom('answered' as const, 'closed' as const) }),
  fc.record({
    kind: fc.constant('all' as const),
    type: fc.constantFrom('lane.session.lost' as const, 'lane.session.stopped' as const, 'lane.session.hibernated' as const),
  }),
  fc.record({ kind: fc.constant('follow' as const), events: fc.nat(4) }),
  fc.record({ kind: fc.constant('again' as const), events: fc.nat(6) }),
  fc.record({
    kind: fc.constant('decide' as const),
    which: fc.nat(5),
    action: fc.constantFrom('approve' as const, 'deny' as const),
    command: fc.nat(3),
  }),
  fc.record({ kind: fc.constant('expire' as const), which: fc.nat(5) }),
)

describe('whatever the order of session events, replays, decisions and expiries', () => {
  it('an approval ends exactly once, and what was decided is delivered or lost at most once', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const log: SessionEvent[] = []
        const answered = new Set<string>()
        let requests: OpenRequest[] = []
        let followed = 0
        let version: Version = NOTHING
        const told: { type: string; id: string; status: string; delivery: string }[] = []
        const note = (draft: { type: string; payload: { approval: Approval }; state: ApprovalsState } | undefined) => {
          if (!draft) return
          const { approval } = draft.payload
          told.push({ type: draft.type, id: approval.approvalId, status: approval.status, delivery: approval.delivery })
          version = { state: draft.state, seq: version.seq + 1 }
        }
        const process = (on: SessionEvent) => {
          for (let rounds = 0; ; rounds += 1) {
            const draft = decideFromSession(version, on, NOW, LATER)
            if (!draft) return
            note(draft)
            expect(rounds).toBeLessThan(50)
          }
        }
        const say = (type: string, payload: Record<string, unknown> = {}) =>
          log.push(event(type, 10 + log.length, session(requests), payload))
        const idOf = (which: number) => [...new Set(told.map(({ id }) => id))].at(which) ?? 'apr_none'
        for (const one of steps) {
          if (one.kind === 'raise') {
            const id = `apr_${log.length}`
            requests = [...requests, open(id)]
            say('lane.session.request.raised', raisedPayload(id))
          } else if (one.kind === 'end') {
            const gone = requests[one.which]
            if (!gone) continue
            requests = requests.filter(({ approvalId }) => approvalId !== gone.approvalId)
            if (one.how === 'answered') answered.add(gone.approvalId)
            say(`lane.session.request.${one.how}`, { approvalId: gone.approvalId, reason: 'r' })
          } else if (one.kind === 'all') {
            requests = []
            say(one.type, { reason: null })
          } else if (one.kind === 'follow') {
            for (const on of log.slice(followed, followed + one.events)) process(on)
            followed = Math.min(log.length, followed + one.events)
          } else if (one.kind === 'again') {
            for (const on of log.slice(Math.max(0, followed - one.events), followed)) process(on)
          } else if (one.kind === 'decide') {
            try {
              note(decideResolution(version, { ...decide(one.action, `cmd-${one.command}`, {}, idOf(one.which)) }))
            } catch (error) {
              expect(error).toBeInstanceOf(BridgeError)
            }
          } else note(decideExpiry(version, idOf(one.which), LATER))
        }
        requests = []
        say('lane.session.stopped', { cause: 'command', reason: null })
        for (const on of log.slice(followed)) process(on)
        expect(version.state?.pending ?? []).toEqual([])
        for (const id of new Set(told.map((entry) => entry.id))) {
          const own = told.filter((entry) => entry.id === id)
          const ends = own.filter(({ type, delivery }) => type !== 'lane.approval.requested' && !['delivered', 'lost'].includes(delivery))
          const deliveries = own.filter(({ delivery }) => delivery === 'delivered' || delivery === 'lost')
          expect(own[0]?.type).toBe('lane.approval.requested')
          expect(own.filter(({ type }) => type === 'lane.approval.requested')).toHaveLength(1)
          expect(ends).toHaveLength(1)
          expect(deliveries.length).toBe(ends[0]?.type === 'lane.approval.orphaned' ? 0 : 1)
          if (deliveries[0]?.delivery === 'delivered') expect(answered).toContain(id)
          expect(new Set(own.slice(1).map(({ status }) => status)).size).toBe(1)
        }
      }),
      { numRuns: 1000 },
    )
  })
})
