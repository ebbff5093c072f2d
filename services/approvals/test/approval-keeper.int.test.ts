import { AggregateStore, type Bus, decodeEvent, EventLog, readRange } from '@codex-bridge/bus'
import { type Broker, startBroker } from '@codex-bridge/bus/testing'
import {
  type Approval,
  type ApprovalsState,
  type Draft,
  MAX_PAYLOAD_BYTES,
  type OpenRequest,
  type SessionState,
  subjects,
} from '@codex-bridge/contracts'
import { createLogger, stampEvent } from '@codex-bridge/service-kit'
import { liveSession, openRequest, sampleEvent, waitFor } from '@codex-bridge/testkit'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { ApprovalService } from '../src/approval-service.ts'

const logger = createLogger('test', 'test', 'silent')
let broker: Broker
let bus: Bus
let log: EventLog
let lanes: AggregateStore<'lane'>
let sessions: AggregateStore<'session'>
let laneId: string
let made = 0

beforeAll(async () => {
  broker = await startBroker()
  bus = broker.bus
  log = new EventLog(bus)
  lanes = new AggregateStore(log, 'lane', stampEvent)
  sessions = new AggregateStore(log, 'session', stampEvent)
})
afterAll(async () => {
  await broker.stop()
})

const session = (requests: OpenRequest[]): SessionState => liveSession({ laneId, threadId: 't', threadStored: true, requests })
const envelope = () => ({ laneId, threadId: 't', sessionId: laneId })
const say = async (type: string, state: SessionState, payload: Record<string, unknown> = {}) =>
  (await sessions.transact(laneId, () => ({ type, ...envelope(), payload: sampleEvent(type, payload).payload, state }) as Draft<'session'>))
    .version.seq
const laneDraft = (type: string, incarnation: string, deleted: boolean): Draft<'lane'> => {
  const { payload, state } = sampleEvent(type)
  return { type, ...envelope(), payload, state: { ...state, laneId, incarnation, deleted } } as Draft<'lane'>
}
const open = (approvalId: string): OpenRequest => openRequest(approvalId, { threadId: 't', turnId: 'turn', itemId: null })
const raise = (approvalId: string, request: Record<string, unknown> = { command: 'ls' }, others: OpenRequest[] = []) =>
  say('lane.session.request.raised', session([...others, open(approvalId)]), {
    ...open(approvalId),
    reason: 'Run it?',
    request,
    availableDecisions: ['approve', 'deny'],
  })

beforeEach(async () => {
  made += 1
  laneId = `lane-${made}`
  await lanes.transact(laneId, () => laneDraft('lane.created', 'evt_a', false))
})

const keep = (expirySec = 0) => {
  const keeper = new ApprovalService({ bus, log, logger, expirySec })
  const ending = new AbortController()
  const running = keeper.run(ending.signal)
  return {
    keeper,
    stop: async () => {
      ending.abort()
      await running
    },
  }
}
const list = async (keeper: ApprovalService): Promise<Approval[]> => (await keeper.list({ laneId })).approvals
const pendingIn = (keeper: ApprovalService, count: number) =>
  waitFor(async () => (await list(keeper)).filter(({ status }) => status === 'pending').length === count, { timeoutMs: 8000 })
const history = async () => {
  const { lastSeq } = await log.extent()
  const events: string[] = []
  for await (const raw of readRange(bus, { from: 1, to: lastSeq, filter: subjects.event(laneId, 'approval') })) {
    events.push(decodeEvent(raw.bytes, raw.seq).event?.type ?? '?')
  }
  return events
}
const decide = (keeper: ApprovalService, action: 'approve' | 'deny', commandId: string, approvalId = 'apr_1') =>
  keeper.decide({ commandId, laneId, approvalId, action, body: {} })

describe('the keeper', () => {
  it('lets a manual request expire that another instance took', async () => {
    const leading = keep(1)
    const other = new ApprovalService({ bus, log, logger, expirySec: 1 })
    await other.request({ commandId: 'cmd-manual', body: { laneId } })
    await waitFor(async () => (await list(other))[0]?.status === 'expired', { timeoutMs: 8000, describe: 'the request to expire' })
    await leading.stop()
  })

  it('of many who decide at once lets one win, and the others know who', async () => {
    const [one, two] = [keep(), new ApprovalService({ bus, log, logger, expirySec: 0 })]
    await raise('apr_1')
    await pendingIn(one.keeper, 1)
    const tries = Array.from({ length: 6 }, (_, index) =>
      decide(index % 2 ? two : one.keeper, index % 2 ? 'deny' : 'approve', `cmd-${index}`),
    )
    const outcomes = await Promise.allSettled(tries)
    const winners = outcomes.filter((outcome) => outcome.status === 'fulfilled')
    expect(winners).toHaveLength(1)
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'approval_already_resolved' })
    }
    expect(await history()).toEqual(['lane.approval.requested', 'lane.approval.resolved'])
    await one.stop()
  })

  it('goes on where it stopped: nothing is asked twice, and what ended meanwhile ends', async () => {
    const first = keep()
    await raise('apr_1')
    await pendingIn(first.keeper, 1)
    await first.stop()
    await raise('apr_2', { command: 'pwd' }, [open('apr_1')])
    await say('lane.session.request.closed', session([open('apr_2')]), { approvalId: 'apr_1', reason: 'The turn ended' })
    const second = keep()
    await waitFor(async () => (await history()).length === 3)
    expect(await history()).toEqual(['lane.approval.requested', 'lane.approval.requested', 'lane.approval.orphaned'])
    expect((await list(second.keeper)).map(({ approvalId, status }) => [approvalId, status])).toEqual([
      ['apr_1', 'orphaned'],
      ['apr_2', 'pending'],
    ])
    await second.stop()
  })

  it('denies what nobody decides in time, also after a restart', async () => {
    const first = keep(1)
    await raise('apr_1')
    await pendingIn(first.keeper, 1)
    await first.stop()
    const second = keep(1)
    await waitFor(async () => (await list(second.keeper))[0]?.status === 'expired', { timeoutMs: 6000 })
    expect(await history()).toEqual(['lane.approval.requested', 'lane.approval.expired'])
    await second.stop()
  })

  it('is not stopped by requests as large as a session event can carry, nor by many of them', async () => {
    const keeping = keep()
    const requests: OpenRequest[] = []
    for (let index = 0; index < 12; index += 1) {
      await raise(
        `apr_${index}`,
        { method: 'item/fileChange/requestApproval', changes: 'x'.repeat(MAX_PAYLOAD_BYTES / 2 - 4096) },
        requests,
      )
      requests.push(open(`apr_${index}`))
    }
    await pendingIn(keeping.keeper, 12)
    expect((await decide(keeping.keeper, 'approve', 'cmd-1', 'apr_11')).status).toBe('approved')
    await say('lane.session.lost', { ...session([]), phase: 'lost' }, { reason: 'process_exited' })
    // The one that was approved but not carried out is not pending, and yet gets its own end.
    const orphaned = async () => (await history()).filter((type) => type === 'lane.approval.orphaned').length
    await waitFor(async () => (await orphaned()) >= 12)
    expect(await orphaned()).toBe(12)
    await keeping.stop()
  })

  it('shows nothing of a lane that is gone, and nothing of its predecessor', async () => {
    const keeping = keep()
    await raise('apr_1')
    await pendingIn(keeping.keeper, 1)
    await lanes.transact(laneId, () => laneDraft('lane.deleted', 'evt_a', true))
    await expect(list(keeping.keeper)).rejects.toMatchObject({ code: 'lane_not_found' })
    await lanes.transact(laneId, () => laneDraft('lane.created', 'evt_b', false))
    expect(await list(keeping.keeper)).toEqual([])
    await keeping.stop()
    const stored = (await log.last(laneId, 'approval'))?.state as ApprovalsState | undefined
    expect(stored?.incarnation).toBe('evt_a')
  })
})
