import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { LaneStatus, TurnReceipt } from '@codex-bridge/contracts'
import { MODEL_FAILURES, type ModelFailure } from '@codex-bridge/testkit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type BridgeFixture, startBridgeFixture } from '../support/bridge-fixture.ts'
import { Lanes } from '../support/lanes-fixture.ts'

let fixture: BridgeFixture
let lanes: Lanes

beforeAll(async () => {
  fixture = await startBridgeFixture()
  lanes = new Lanes(fixture)
})

afterAll(async () => {
  await fixture?.dispose()
})

type FailureCase = { status: LaneStatus; code: string; message: RegExp }

const FAILED = (message: RegExp): FailureCase => ({ status: 'failed', code: 'turn_failed', message })

const CASES: Record<ModelFailure, FailureCase> = {
  '500': FAILED(/high demand|internal server error/i),
  '429': FAILED(/429/),
  usage: { status: 'blocked', code: 'usage_limit', message: /usage limit/i },
  '503': FAILED(/capacity|overloaded/i),
  '401': { status: 'blocked', code: 'login_required', message: /401/ },
  '400': FAILED(/scripted failure 400/),
  cut: FAILED(/disconnected|closed/i),
  'early-end': FAILED(/disconnected|closed/i),
  failed: FAILED(/scripted response\.failed/),
  incomplete: FAILED(/max_output_tokens/),
  context: FAILED(/ran out of room|context window/i),
}

describe('a model that fails', () => {
  test.each(MODEL_FAILURES)('with %s fails the turn once with its cause, and the next prompt works', async (failure) => {
    const wanted = CASES[failure]
    const laneId = `fail-${failure}`
    await lanes.start(laneId)
    const { payload } = await lanes.turn(laneId, `#fail ${failure}`)
    expect(payload).toMatchObject({ status: 'failed', error: { code: wanted.code } })
    expect((payload['error'] as { message: string }).message).toMatch(wanted.message)
    const lane = await lanes.untilStatus(laneId, wanted.status)
    expect(lane).toMatchObject({ statusReason: { code: wanted.code }, activeTurnId: null, sessionRunning: true })
    expect(lane.blockedReason?.code).toBe(wanted.status === 'blocked' ? wanted.code : undefined)
    expect((await lanes.turn(laneId, '#say well again')).payload).toMatchObject({ status: 'completed', finalMessage: 'well again' })
    expect(await lanes.untilStatus(laneId, 'done')).toMatchObject({ statusReason: null, blockedReason: null })
    expect((await lanes.events(laneId, 'lane.turn.completed')).length).toBe(2)
  })

  test('in the middle of a turn keeps earlier output', async () => {
    await lanes.start('fail-late')
    const { payload } = await lanes.turn('fail-late', '#say first words\n#run true\n#fail 500')
    expect(payload).toMatchObject({ status: 'failed', finalMessage: 'first words' })
    await lanes.untilStatus('fail-late', 'failed')
  })
})

describe('verification', () => {
  test('runs the commands in the workspace after the turn, and the lane is done when all pass', async () => {
    await lanes.start('verify-pass', {
      verificationCommands: ['test -f present.txt', 'echo checked $(basename "$PWD")'],
      acceptanceCriteria: ['present.txt exists'],
    })
    writeFileSync(join(fixture.workspace('verify-pass'), 'present.txt'), '')
    const { payload } = await lanes.turn('verify-pass', 'make it so\n#say made')
    expect(payload).toMatchObject({ status: 'completed', verification: 'pending' })
    const verified = await lanes.until('verify-pass', 'lane.verification.completed')
    expect(verified.payload).toMatchObject({
      status: 'passed',
      results: [{ exitCode: 0 }, { exitCode: 0, outputTail: 'checked verify-pass\n' }],
    })
    await lanes.untilStatus('verify-pass', 'done')
    const [completed] = await lanes.events('verify-pass', 'lane.completed')
    expect(completed?.payload).toMatchObject({ finalMessage: 'made', acceptanceCriteria: ['present.txt exists'] })
    expect(completed?.payload['verification']).toMatchObject([{ exitCode: 0 }, { exitCode: 0 }])
    const order = (await lanes.events('verify-pass')).map(({ type }) => type)
    const marks = ['lane.turn.completed', 'lane.verification.started', 'lane.verification.completed', 'lane.completed']
    expect(order.filter((type) => marks.includes(type))).toEqual(marks)
    const [request] = fixture.model.requests.filter(({ prompt }) => prompt.startsWith('make it so'))
    expect(JSON.stringify(request?.body)).toContain('present.txt exists')
  })

  test('stops at the first failing command and fails the lane with exit code and output', async () => {
    await lanes.start('verify-fail', { verificationCommands: ['echo it is broken >&2; exit 3', 'echo never'] })
    await lanes.turn('verify-fail', '#say claimed')
    const lane = await lanes.untilStatus('verify-fail', 'failed')
    expect(lane.statusReason).toMatchObject({ code: 'verification_failed', details: [{ exitCode: 3, outputTail: 'it is broken\n' }] })
    expect(lane.statusReason?.details).toHaveLength(1)
    expect(await lanes.events('verify-fail', 'lane.completed')).toEqual([])
  })

  test('does not run after a failed turn', async () => {
    await lanes.start('verify-not', { verificationCommands: ['true'] })
    await lanes.turn('verify-not', '#fail 500')
    await lanes.untilStatus('verify-not', 'failed')
    expect(await lanes.events('verify-not', 'lane.verification.*')).toEqual([])
  })

  test('keeps the lane busy, and can be interrupted', async () => {
    await lanes.start('verify-long', { verificationCommands: ['sleep 300'] })
    await lanes.turn('verify-long', '#say claimed')
    await lanes.untilStatus('verify-long', 'verifying')
    await lanes.until('verify-long', 'lane.verification.started')
    const busy = await lanes.post('verify-long', 'prompt', { input: 'next' })
    expect([busy.status, busy.body.error], busy.text).toEqual([409, 'turn_active'])
    const interrupt = await lanes.post<TurnReceipt>('verify-long', 'interrupt')
    expect(interrupt.status, interrupt.text).toBe(202)
    const end = await lanes.until('verify-long', 'lane.verification.completed')
    expect(end.payload).toMatchObject({ status: 'interrupted' })
    expect((await lanes.untilStatus('verify-long', 'interrupted')).statusReason).toMatchObject({ code: 'verification_interrupted' })
  })

  test('ends with its session', async () => {
    await lanes.start('verify-stop', { verificationCommands: ['sleep 300'] })
    await lanes.turn('verify-stop', '#say claimed')
    await lanes.until('verify-stop', 'lane.verification.started')
    expect((await lanes.post('verify-stop', 'session/stop')).status).toBe(200)
    expect((await lanes.events('verify-stop', 'lane.verification.completed')).map(({ payload }) => payload['status'])).toEqual([
      'interrupted',
    ])
    expect(await lanes.untilStatus('verify-stop', 'interrupted')).toMatchObject({ sessionRunning: false })
  })
})
