import type { Session, TurnReceipt } from '@codex-bridge/contracts'
import { findAppServers, waitFor } from '@codex-bridge/testkit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SLOW_MS } from '../support/bridge-environment.ts'
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

const requestsWith = (text: string) => fixture.model.requests.filter(({ prompt }) => prompt.includes(text))

/** Waits until Codex has asked the model about a text: the turn is in the middle of its work. */
const underWay = (text: string) =>
  waitFor(() => requestsWith(text).length > 0, { timeoutMs: SLOW_MS, describe: `a model request for ${text}` })

describe('steer', () => {
  test('adds input to the running turn and starts no other', async () => {
    await lanes.start('steer')
    const prompt = await lanes.prompt('steer', '#sleep 400\n#run true\n#sleep 400\n#say the end')
    const steer = await lanes.post<TurnReceipt>('steer', 'steer', { input: 'be brief', expectedTurnId: prompt.turnId })
    expect(steer.status, steer.text).toBe(202)
    expect(steer.body).toMatchObject({ action: 'steer', status: 'steered', turnId: prompt.turnId })
    const completed = await lanes.completion('steer', prompt.commandId)
    expect(completed.payload).toMatchObject({ status: 'completed', finalMessage: 'the end (steered: be brief)', turnId: prompt.turnId })
    expect((await lanes.events('steer', 'lane.turn.steered')).map(({ payload }) => payload['input'])).toEqual(['be brief'])
    expect((await lanes.events('steer', 'lane.turn.completed')).length).toBe(1)
  })

  test('is refused for another turn than the expected one, and without a turn', async () => {
    await lanes.start('steer-refused')
    const { commandId } = await lanes.prompt('steer-refused', '#sleep 600\n#say untouched')
    const other = await lanes.post('steer-refused', 'steer', { input: 'never said', expectedTurnId: 'another-turn' })
    expect([other.status, other.body.error], other.text).toEqual([409, 'turn_mismatch'])
    expect((await lanes.completion('steer-refused', commandId)).payload).toMatchObject({ finalMessage: 'untouched' })
    const idle = await lanes.post('steer-refused', 'steer', { input: 'too late' })
    expect([idle.status, idle.body.error], idle.text).toEqual([409, 'no_active_turn'])
    await lanes.post('steer-refused', 'session/stop')
    const gone = await lanes.post('steer-refused', 'steer', { input: 'much too late' })
    expect([gone.status, gone.body.error], gone.text).toEqual([409, 'session_not_running'])
  })
})

describe('interrupt', () => {
  test('ends the turn once and names its cause', async () => {
    await lanes.start('interrupt')
    const { turnId, commandId } = await lanes.prompt('interrupt', 'first\n#hang')
    await underWay('first')
    const answer = await lanes.post<TurnReceipt>('interrupt', 'interrupt')
    expect(answer.status, answer.text).toBe(202)
    expect(answer.body).toMatchObject({ action: 'interrupt', status: 'interrupting', turnId })
    const completed = await lanes.completion('interrupt', commandId)
    expect(completed.payload).toMatchObject({ status: 'interrupted', cause: 'operator', turnId })
    expect(await lanes.untilStatus('interrupt', 'interrupted')).toMatchObject({ activeTurnId: null, sessionRunning: true })
    expect((await lanes.turn('interrupt', '#say on we go')).payload).toMatchObject({ status: 'completed', finalMessage: 'on we go' })
    await lanes.untilStatus('interrupt', 'done')
  })

  test.each([0, 1, 2, 3, 4])('straight after the answer to the prompt is not lost (%i)', async (n) => {
    const laneId = `at-once-${n}`
    await lanes.start(laneId)
    const { commandId } = await lanes.prompt(laneId, '#hang')
    const answer = await lanes.post(laneId, 'interrupt')
    expect(answer.status, answer.text).toBe(202)
    expect((await lanes.completion(laneId, commandId)).payload).toMatchObject({ status: 'interrupted', cause: 'operator' })
    await lanes.untilStatus(laneId, 'interrupted')
  })

  test('sent together with the prompt either finds no turn or ends it', async () => {
    await lanes.start('together')
    let met = 0
    for (let round = 0; round < 12; round += 1) {
      const delayed = new Promise((resolve) => setTimeout(resolve, round % 6)).then(() => lanes.post('together', 'interrupt'))
      const [{ commandId }, interrupt] = await Promise.all([lanes.prompt('together', `round ${round}\n#sleep 700\n#say ran on`), delayed])
      expect([202, 409], interrupt.text).toContain(interrupt.status)
      const { payload } = await lanes.completion('together', commandId)
      expect(payload['status'], `round ${round}: ${interrupt.text}`).toBe(interrupt.status === 202 ? 'interrupted' : 'completed')
      if (interrupt.status === 202) met += 1
    }
    process.stdout.write(`interrupt beside prompt: ${met} of 12 met the turn\n`)
  })

  test('is refused for another turn, and without one', async () => {
    await lanes.start('interrupt-refused')
    const { commandId } = await lanes.prompt('interrupt-refused', '#sleep 500\n#say ran on')
    const other = await lanes.post('interrupt-refused', 'interrupt', { turnId: 'another-turn' })
    expect([other.status, other.body.error], other.text).toEqual([409, 'turn_mismatch'])
    expect((await lanes.completion('interrupt-refused', commandId)).payload).toMatchObject({ status: 'completed' })
    const idle = await lanes.post('interrupt-refused', 'interrupt')
    expect([idle.status, idle.body.error], idle.text).toEqual([409, 'no_active_turn'])
  })

  test('ends the command that was running', async () => {
    await lanes.start('interrupt-command')
    const { commandId } = await lanes.prompt('interrupt-command', '#run sleep 3781')
    const running = () => fixture.children('sleep 3781').length
    await waitFor(() => running() > 0, { timeoutMs: SLOW_MS, describe: 'the command to run' })
    await lanes.post('interrupt-command', 'interrupt')
    expect((await lanes.completion('interrupt-command', commandId)).payload).toMatchObject({ status: 'interrupted' })
    await waitFor(() => running() === 0, { timeoutMs: SLOW_MS, describe: 'the command to end' })
  })
})

describe('one turn at a time', () => {
  test('a second prompt is refused and does not disturb the first', async () => {
    await lanes.start('busy')
    const { commandId, turnId } = await lanes.prompt('busy', '#sleep 600\n#say undisturbed')
    const second = await lanes.post('busy', 'prompt', { input: 'me too' })
    expect([second.status, second.body.error], second.text).toEqual([409, 'turn_active'])
    expect(second.body.details).toMatchObject({ turnId })
    expect((await lanes.completion('busy', commandId)).payload).toMatchObject({ finalMessage: 'undisturbed' })
    expect(requestsWith('me too')).toEqual([])
  })

  test('of ten prompts at once one runs', async () => {
    await lanes.start('crowded')
    const tries = Array.from({ length: 10 }, (_, n) => lanes.post('crowded', 'prompt', { input: `crowd ${n}\n#sleep 300` }))
    const answers = await Promise.all(tries)
    expect(answers.map(({ status }) => status).sort(), answers.map(({ text }) => text).join('\n')).toEqual([
      202,
      ...new Array<number>(9).fill(409),
    ])
    await lanes.untilStatus('crowded', 'done')
    expect(requestsWith('crowd ').length).toBe(1)
    expect((await lanes.events('crowded', 'lane.turn.completed')).length).toBe(1)
  })
})

describe('Idempotency-Key', () => {
  test('a prompt repeated with its key runs once and gets the first answer', async () => {
    await lanes.start('again')
    const body = { input: 'only once\n#sleep 200\n#say once' }
    const answers = await Promise.all(Array.from({ length: 5 }, () => lanes.post<TurnReceipt>('again', 'prompt', body, 'key-1')))
    expect(answers.map(({ status }) => status)).toEqual(new Array<number>(5).fill(202))
    const turnIds = new Set(answers.map(({ body: receipt }) => receipt.turnId))
    expect(turnIds.size).toBe(1)
    await lanes.completion('again', 'key-1')
    const late = await lanes.post<TurnReceipt>('again', 'prompt', body, 'key-1')
    expect([late.status, late.body.turnId]).toEqual([202, answers[0]?.body.turnId])
    expect(requestsWith('only once').length).toBe(1)
    expect((await lanes.events('again', 'lane.turn.requested')).length).toBe(1)

    const other = await lanes.post('again', 'prompt', { input: 'something else' }, 'key-1')
    expect([other.status, other.body.error], other.text).toEqual([422, 'idempotency_key_reused'])
    expect(requestsWith('something else')).toEqual([])
  })

  test('is remembered after the end of the session', async () => {
    await lanes.start('again-later')
    const body = { input: 'survives\n#say survived' }
    const first = await lanes.post<TurnReceipt>('again-later', 'prompt', body, 'key-2')
    await lanes.completion('again-later', 'key-2')
    await lanes.post('again-later', 'session/stop')
    const again = await lanes.post<TurnReceipt>('again-later', 'prompt', body, 'key-2')
    expect([again.status, again.body.turnId], again.text).toEqual([202, first.body.turnId])
    expect(requestsWith('survives').length).toBe(1)
  })

  test('start-visible repeated with its key makes one lane and one turn', async () => {
    const body = { kickoffPrompt: 'kick off once\n#say kicked' }
    const first = await lanes.start('workflow-again', body, 'key-3')
    await lanes.untilStatus('workflow-again', 'done')
    const again = await lanes.start('workflow-again', body, 'key-3')
    expect(again.turn?.turnId).toBe(first.turn?.turnId)
    expect(again.thread.id).toBe(first.thread.id)
    expect(requestsWith('kick off once').length).toBe(1)
    expect((await lanes.events('workflow-again', 'lane.created')).length).toBe(1)
    const reused = await fixture.http.post<{ error: string }>(
      '/codex/workflows/start-visible',
      { laneId: 'workflow-again', kickoffPrompt: 'other' },
      { 'idempotency-key': 'key-3' },
    )
    expect([reused.status, reused.body.error], reused.text).toEqual([422, 'idempotency_key_reused'])
  })

  test('steer and interrupt repeated with a key act once', async () => {
    await lanes.start('keys')
    const { commandId } = await lanes.prompt('keys', '#sleep 300\n#run true\n#sleep 300\n#say end')
    const steers = [
      await lanes.post('keys', 'steer', { input: 'once' }, 's-1'),
      await lanes.post('keys', 'steer', { input: 'once' }, 's-1'),
    ]
    expect(steers.map(({ status }) => status)).toEqual([202, 202])
    expect((await lanes.completion('keys', commandId)).payload).toMatchObject({ finalMessage: 'end (steered: once)' })

    const hanging = await lanes.prompt('keys', '#hang')
    expect((await lanes.post('keys', 'interrupt', {}, 'i-1')).status).toBe(202)
    await lanes.completion('keys', hanging.commandId)
    const next = await lanes.prompt('keys', '#sleep 300\n#say not hit by the retry')
    const retried = await lanes.post<TurnReceipt>('keys', 'interrupt', {}, 'i-1')
    expect([retried.status, retried.body.turnId], retried.text).toEqual([202, hanging.turnId])
    expect((await lanes.completion('keys', next.commandId)).payload).toMatchObject({ status: 'completed' })
  })
})

describe('a session', () => {
  test('stopped in a turn ends both, and the next prompt resumes it', async () => {
    await lanes.start('stop')
    const { commandId } = await lanes.prompt('stop', 'remember the plum\n#say noted\n#hang')
    await underWay('remember the plum')
    const { pid, threadId } = await lanes.session('stop')
    const stopped = await lanes.post<Session>('stop', 'session/stop')
    expect(stopped.status, stopped.text).toBe(200)
    expect(stopped.body).toMatchObject({ running: false, activeTurnId: null })
    expect((await lanes.completion('stop', commandId)).payload).toMatchObject({ status: 'interrupted', cause: 'session_stopped' })
    expect(findAppServers(fixture.codexHome).map((info) => info.pid)).not.toContain(pid)
    expect(await lanes.untilStatus('stop', 'interrupted')).toMatchObject({ sessionRunning: false, activeTurnId: null })

    expect((await lanes.turn('stop', 'what was it?')).payload).toMatchObject({ status: 'completed' })
    expect((await lanes.session('stop')).threadId).toBe(threadId)
    expect(JSON.stringify(requestsWith('what was it?')[0]?.body)).toContain('remember the plum')
  })
})
