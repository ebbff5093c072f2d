import { type Approval, type ApprovalsState, BridgeError, type OpenRequest, type SessionEvent } from '@codex-bridge/contracts'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decide, event, LATER, NOTHING, NOW, open, raisedPayload, session, type Version } from '../../test/support/approval-builders.ts'
import { decideExpiry } from './expiry-decider.ts'
import { decideResolution } from './resolution-decider.ts'
import { decideFromSession } from './session-decider.ts'

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

describe('in any order of session events, replays, decisions and expiries', () => {
  it('an approval ends exactly once, and a decision is delivered or lost at most once', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const log: SessionEvent[] = []
        const answered = new Set<string>()
        let requests: OpenRequest[] = []
        let followed = 0
        let version: Version = NOTHING
        const recorded: { type: string; id: string; status: string; delivery: string }[] = []
        const record = (draft: { type: string; payload: { approval: Approval }; state: ApprovalsState } | undefined) => {
          if (!draft) return
          const { approval } = draft.payload
          recorded.push({ type: draft.type, id: approval.approvalId, status: approval.status, delivery: approval.delivery })
          version = { state: draft.state, seq: version.seq + 1 }
        }
        const follow = (on: SessionEvent) => {
          for (let rounds = 0; ; rounds += 1) {
            const draft = decideFromSession(version, on, NOW, LATER)
            if (!draft) return
            record(draft)
            expect(rounds).toBeLessThan(50)
          }
        }
        const append = (type: string, payload: Record<string, unknown> = {}) =>
          log.push(event(type, 10 + log.length, session(requests), payload))
        const idOf = (which: number) => [...new Set(recorded.map(({ id }) => id))].at(which) ?? 'apr_none'
        for (const current of steps) {
          if (current.kind === 'raise') {
            const id = `apr_${log.length}`
            requests = [...requests, open(id)]
            append('lane.session.request.raised', raisedPayload(id))
          } else if (current.kind === 'end') {
            const gone = requests[current.which]
            if (!gone) continue
            requests = requests.filter(({ approvalId }) => approvalId !== gone.approvalId)
            if (current.how === 'answered') answered.add(gone.approvalId)
            append(`lane.session.request.${current.how}`, { approvalId: gone.approvalId, reason: 'r' })
          } else if (current.kind === 'all') {
            requests = []
            append(current.type, { reason: null })
          } else if (current.kind === 'follow') {
            for (const on of log.slice(followed, followed + current.events)) follow(on)
            followed = Math.min(log.length, followed + current.events)
          } else if (current.kind === 'again') {
            for (const on of log.slice(Math.max(0, followed - current.events), followed)) follow(on)
          } else if (current.kind === 'decide') {
            try {
              record(decideResolution(version, { ...decide(current.action, `cmd-${current.command}`, {}, idOf(current.which)) }))
            } catch (error) {
              expect(error).toBeInstanceOf(BridgeError)
            }
          } else record(decideExpiry(version, idOf(current.which), LATER))
        }
        requests = []
        append('lane.session.stopped', { cause: 'command', reason: null })
        for (const on of log.slice(followed)) follow(on)
        expect(version.state?.pending ?? []).toEqual([])
        for (const id of new Set(recorded.map((entry) => entry.id))) {
          const own = recorded.filter((entry) => entry.id === id)
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
