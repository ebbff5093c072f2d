import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Approval } from '@codex-bridge/contracts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type BridgeFixture, startBridgeFixture } from '../support/bridge-fixture.ts'
import { type Answer, Lanes } from '../support/lanes-fixture.ts'

let fixture: BridgeFixture
let lanes: Lanes

beforeAll(async () => {
  fixture = await startBridgeFixture({ codex: { features: { default_mode_request_user_input: true } } })
  lanes = new Lanes(fixture)
})

afterAll(async () => {
  await fixture?.dispose()
})

const decide = (approval: Approval, action: 'approve' | 'deny', body: unknown = {}, key?: string): Promise<Answer<Approval>> =>
  lanes.post<Approval>(approval.laneId, `approvals/${approval.approvalId}/${action}`, body, key)

/** Starts a lane whose turn asks for an approval, and returns the approval. */
const asked = async (laneId: string, kickoffPrompt: string): Promise<Approval> => {
  await lanes.start(laneId, { kickoffPrompt })
  const [approval] = await lanes.untilAsked(laneId)
  if (!approval) throw new Error('nothing was asked')
  return approval
}

const fileOf = (laneId: string, name = 'made'): string => join(fixture.workspace(laneId), name)

/** The end of the lane's only turn. */
const ended = async (laneId: string) => (await lanes.until(laneId, 'lane.turn.completed')).payload

describe('a command', () => {
  test('waits for an approval and runs once approved', async () => {
    const approval = await asked('command-yes', `#ask-run touch ${fileOf('command-yes')}\n#say it is there`)
    expect(approval).toMatchObject({ kind: 'command', status: 'pending', source: 'app-server', delivery: 'none', resolvedAt: null })
    expect(approval.request['command']).toContain(`touch ${fileOf('command-yes')}`)
    expect(await lanes.untilStatus('command-yes', 'needs_approval')).toMatchObject({ pendingApprovals: 1, sessionRunning: true })
    expect(await lanes.session('command-yes')).toMatchObject({ running: true, pendingRequests: 1 })
    const requested = await lanes.until('command-yes', 'lane.approval.requested')
    expect(requested.payload).toMatchObject({ approvalId: approval.approvalId, request: { command: approval.request['command'] } })
    expect(existsSync(fileOf('command-yes'))).toBe(false)

    const answer = await decide(approval, 'approve')
    expect(answer.status, answer.text).toBe(200)
    expect(answer.body).toMatchObject({ approvalId: approval.approvalId, status: 'approved' })
    expect(await ended('command-yes')).toMatchObject({ status: 'completed', finalMessage: 'it is there' })
    expect(existsSync(fileOf('command-yes'))).toBe(true)
    await lanes.untilStatus('command-yes', 'done')
    await lanes.until('command-yes', 'lane.approval.delivered')
    expect(await lanes.approvals('command-yes')).toMatchObject([{ status: 'approved', delivery: 'delivered' }])
  })

  test('does not run once denied, and the turn continues', async () => {
    const approval = await asked('command-no', `#ask-run touch ${fileOf('command-no')}\n#say went on: {result}`)
    expect((await decide(approval, 'deny', { note: 'not today' })).body).toMatchObject({ status: 'denied' })
    const end = await ended('command-no')
    expect(end).toMatchObject({ status: 'completed' })
    expect(end['finalMessage']).toMatch(/^went on: .*rejected/)
    expect(existsSync(fileOf('command-no'))).toBe(false)
    await lanes.untilStatus('command-no', 'done')
  })

  test('ends the turn when cancelled', async () => {
    const approval = await asked('command-cancel', `#ask-run touch ${fileOf('command-cancel')}`)
    expect((await decide(approval, 'deny', { decision: 'cancel' })).status).toBe(200)
    expect(await ended('command-cancel')).toMatchObject({ status: 'interrupted' })
    expect(existsSync(fileOf('command-cancel'))).toBe(false)
    await lanes.untilStatus('command-cancel', 'interrupted')
  })

  test('with another pending keeps the lane waiting until both are decided', async () => {
    await lanes.start('command-two', {
      kickoffPrompt: `#ask-run touch ${fileOf('command-two', 'one')}\n#+ask-run touch ${fileOf('command-two', 'two')}\n#say both`,
    })
    const [one, two] = await lanes.untilAsked('command-two', 2)
    if (!(one && two)) throw new Error('two were awaited')
    await decide(one, 'approve')
    await lanes.untilShown('command-two', { status: 'needs_approval', pendingApprovals: 1 })
    await decide(two, 'deny')
    expect(await ended('command-two')).toMatchObject({ status: 'completed' })
    const name = String(one.request['command']).includes('/one') ? 'one' : 'two'
    expect(['one', 'two'].filter((file) => existsSync(fileOf('command-two', file)))).toEqual([name])
  })
})

describe('a file change', () => {
  test('is shown first and applied once approved', async () => {
    const approval = await asked('patch-yes', '#patch notes.txt first line\\nsecond line\n#say patched')
    expect(approval).toMatchObject({ kind: 'file_change', status: 'pending' })
    expect(JSON.stringify(approval.request['changes'])).toContain('second line')
    expect(existsSync(fileOf('patch-yes', 'notes.txt'))).toBe(false)
    await decide(approval, 'approve')
    expect(await ended('patch-yes')).toMatchObject({ status: 'completed', finalMessage: 'patched' })
    expect(readFileSync(fileOf('patch-yes', 'notes.txt'), 'utf8')).toBe('first line\nsecond line\n')
  })

  test('is not applied once denied', async () => {
    const approval = await asked('patch-no', '#patch notes.txt text\n#say went on')
    await decide(approval, 'deny')
    expect(await ended('patch-no')).toMatchObject({ status: 'completed', finalMessage: 'went on' })
    expect(existsSync(fileOf('patch-no', 'notes.txt'))).toBe(false)
  })
})

describe('a question', () => {
  test('is answered with text', async () => {
    const approval = await asked('question', '#ask-user Which colour? | Red | Blue\n#say chosen: {result}')
    expect(approval).toMatchObject({ kind: 'user_input', status: 'pending' })
    const [question] = approval.request['questions'] as { id: string; question: string; options: { label: string }[] }[]
    expect(question).toMatchObject({ question: 'Which colour?', options: [{ label: 'Red' }, { label: 'Blue' }] })

    const without = await decide(approval, 'approve')
    expect([without.status, without.body.error], without.text).toEqual([400, 'validation_error'])
    await decide(approval, 'approve', { answers: { [question?.id ?? '']: ['Blue'] } })
    const end = await ended('question')
    expect(end).toMatchObject({ status: 'completed' })
    expect(end['finalMessage']).toMatch(/^chosen: .*Blue/)
  })
})

describe('competing decisions', () => {
  test('the second decision is refused with the first', async () => {
    const approval = await asked('twice', `#ask-run touch ${fileOf('twice')}`)
    await decide(approval, 'deny', { note: 'first' })
    const second = await decide(approval, 'approve')
    expect([second.status, second.body.error], second.text).toEqual([409, 'approval_already_resolved'])
    expect(second.body.details).toMatchObject({ status: 'denied', decision: { decision: 'deny', note: 'first' } })
    await ended('twice')
    expect(existsSync(fileOf('twice'))).toBe(false)
  })

  test('of twenty at once exactly one wins, and the others learn which', async () => {
    const approval = await asked('crowd', `#ask-run touch ${fileOf('crowd')}`)
    const tries = Array.from({ length: 20 }, (_, n) => decide(approval, n % 2 === 0 ? 'approve' : 'deny', { note: `person ${n}` }))
    const answers = await Promise.all(tries)
    const won = answers.filter(({ status }) => status === 200)
    const lost = answers.filter(({ status }) => status === 409)
    expect([won.length, lost.length], answers.map(({ text }) => text).join('\n')).toEqual([1, 19])
    const winner = won[0]?.body
    for (const { body } of lost) {
      expect(body).toMatchObject({ error: 'approval_already_resolved', details: { status: winner?.status, decision: winner?.decision } })
    }
    expect((await lanes.events('crowd', 'lane.approval.resolved')).length).toBe(1)
    expect(await ended('crowd')).toMatchObject({ status: 'completed' })
    expect(existsSync(fileOf('crowd'))).toBe(winner?.status === 'approved')
  })

  test('the winner may repeat its request with its key, and the key fits no other request', async () => {
    const approval = await asked('retry', `#ask-run touch ${fileOf('retry')}`)
    const first = await decide(approval, 'approve', {}, 'retry-key')
    const again = await decide(approval, 'approve', {}, 'retry-key')
    expect([first.status, again.status], again.text).toEqual([200, 200])
    expect(again.body).toMatchObject({ approvalId: approval.approvalId, status: 'approved', decision: first.body.decision })
    const other = await decide(approval, 'deny', {}, 'retry-key')
    expect([other.status, other.body.error], other.text).toEqual([422, 'idempotency_key_reused'])
    await ended('retry')
    expect((await lanes.events('retry', 'lane.approval.resolved')).length).toBe(1)
  })

  test('an unknown approval cannot be decided', async () => {
    const approval = await asked('stranger', `#ask-run touch ${fileOf('stranger')}`)
    const unknown = await lanes.post('stranger', 'approvals/apr_none/approve')
    expect([unknown.status, unknown.body.error], unknown.text).toEqual([404, 'approval_not_found'])
    const elsewhere = await lanes.post('retry', `approvals/${approval.approvalId}/approve`)
    expect([elsewhere.status, elsewhere.body.error], elsewhere.text).toEqual([404, 'approval_not_found'])
    const neither = await lanes.post('stranger', `approvals/${approval.approvalId}/maybe`)
    expect([404, 400], neither.text).toContain(neither.status)
    expect((await lanes.approvals('stranger')).map(({ status }) => status)).toEqual(['pending'])
    await decide(approval, 'deny')
    await ended('stranger')
  })
})

test('an approval whose session is gone is orphaned', async () => {
  const approval = await asked('gone', `#ask-run touch ${fileOf('gone')}`)
  const stopped = await lanes.post('gone', 'session/stop')
  expect(stopped.status, stopped.text).toBe(200)
  await lanes.until('gone', 'lane.approval.orphaned')
  const late = await decide(approval, 'approve')
  expect([late.status, late.body.error], late.text).toEqual([409, 'approval_orphaned'])
  expect(await lanes.approvals('gone')).toMatchObject([{ status: 'orphaned', decision: null }])
  expect(await ended('gone')).toMatchObject({ status: 'interrupted' })
  await lanes.untilShown('gone', { status: 'interrupted', pendingApprovals: 0, sessionRunning: false })
  expect(existsSync(fileOf('gone'))).toBe(false)
})
