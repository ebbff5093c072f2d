import { randomUUID } from 'node:crypto'
import { Approvals } from '@codex-bridge/contracts'
import { waitFor } from '@codex-bridge/testkit'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ApprovalsFixture } from './support/approvals-fixture.ts'

vi.setConfig({ testTimeout: 90_000, hookTimeout: 60_000 })

/** Each request goes to either process at random; in so many rounds both answer in every combination that matters. */
const ROUNDS = 20

describe('two approvals processes', () => {
  let fixture: ApprovalsFixture
  const start = async (env: Record<string, string> = {}) => {
    await fixture.startProcess('approvals-1', env)
    await fixture.startProcess('approvals-2', env)
  }
  beforeEach(async () => {
    fixture = await ApprovalsFixture.start()
  })
  afterEach(() => fixture.stop())

  const health = () => fixture.ask(Approvals.health, {})
  const onBus = { list: ({ laneId }: { laneId: string }) => fixture.ask(Approvals.list, { laneId }) }
  const decide = (action: 'approve' | 'deny', commandId: string, approvalId = 'apr_1') =>
    fixture.ask(Approvals.decide, { commandId, laneId: fixture.laneId, approvalId, action, body: {} })
  const leader = async () => {
    const leading = await waitFor(
      async () => {
        const answer = await health()
        return answer.leading ? answer.instance : undefined
      },
      { timeoutMs: 15_000 },
    )
    const process = fixture.processes.find(({ name }) => name === leading)
    if (!process) throw new Error(`no process ${leading}`)
    return process
  }

  it('both answer, and every answer includes the decisions before it', async () => {
    await start()
    const instances = new Set<string>()
    for (let round = 0; round < ROUNDS; round += 1) {
      await fixture.createLane()
      instances.add((await health()).instance)
      await fixture.raise('apr_1')
      await fixture.untilPending(onBus, 1)
      const commandId = randomUUID()
      const action = round % 2 ? 'approve' : 'deny'
      const decided = await decide(action, commandId)
      expect(decided.status).toBe(round % 2 ? 'approved' : 'denied')
      expect(await fixture.list(onBus)).toEqual([decided])
      expect(await decide(action, commandId)).toEqual(decided)
      await expect(decide(round % 2 ? 'deny' : 'approve', commandId)).rejects.toMatchObject({ code: 'idempotency_key_reused' })
      await expect(decide('approve', randomUUID())).rejects.toMatchObject({ code: 'approval_already_resolved' })
      await fixture.appendSession('lane.session.request.answered', [], { approvalId: 'apr_1' })
      await waitFor(async () => (await fixture.list(onBus))[0]?.delivery === 'delivered')
      expect(await fixture.history()).toEqual(['lane.approval.requested', 'lane.approval.resolved', 'lane.approval.delivered'])
    }
    expect(instances.size).toBe(2)
  })

  it('expire approvals with a deadline, whichever process created them', async () => {
    await start({ BRIDGE_APPROVAL_EXPIRY_SEC: '1' })
    await fixture.createLane()
    const asked = await Promise.all(
      Array.from({ length: 10 }, () => fixture.ask(Approvals.request, { commandId: randomUUID(), body: { laneId: fixture.laneId } })),
    )
    expect(new Set(asked.map(({ approvalId }) => approvalId)).size).toBe(10)
    await waitFor(async () => (await fixture.list(onBus)).every(({ status }) => status === 'expired'), { timeoutMs: 15_000 })
    expect((await fixture.history()).filter((type) => type === 'lane.approval.expired')).toHaveLength(10)
  })

  it('go on when the leader is killed between two requests', async () => {
    await start()
    for (let round = 0; round < 3; round += 1) {
      await fixture.createLane()
      await fixture.raise('apr_1')
      await fixture.untilPending(onBus, 1)
      const victim = await leader()
      victim.kill('SIGKILL')
      const decided = await decide('approve', `cmd-${round}`)
      expect(decided.status).toBe('approved')
      expect(await fixture.list(onBus)).toEqual([decided])
      // The next leader reads on where the killed one stopped.
      await fixture.appendSession('lane.session.request.answered', [], { approvalId: 'apr_1' })
      await fixture.raise('apr_2')
      await fixture.untilPending(onBus, 1)
      expect(await fixture.history()).toEqual([
        'lane.approval.requested',
        'lane.approval.resolved',
        'lane.approval.delivered',
        'lane.approval.requested',
      ])
      await victim.exited
      fixture.processes.splice(fixture.processes.indexOf(victim), 1)
      await fixture.startProcess(victim.name)
    }
  })
})
