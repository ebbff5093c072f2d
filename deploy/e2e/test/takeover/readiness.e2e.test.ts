import type { ErrorBody, StartVisibleResult } from '@codex-bridge/contracts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { foreignTurn, startTakeover, type Takeover } from './takeover-fixture.ts'

let takeover: Takeover

beforeAll(async () => {
  takeover = await startTakeover()
})

afterAll(() => takeover.dispose())

type Blocked = ErrorBody & { details: { reason: string; holder?: { pid: number; surface: string }; offers: string[] } }

describe('a thread that another program has open', () => {
  test('strict: refused with its holder and the ways out, and the lane is blocked', async () => {
    const threadId = await takeover.execThread(takeover.workspace('strict'))
    const other = await takeover.foreign({ VSCODE_PID: '1' })
    await other.peer.call('thread/resume', { threadId, excludeTurns: true })
    const refused = await takeover.startVisible<Blocked>({ laneId: 'strict', threadId, readinessMode: 'strict', kickoffPrompt: 'go' })
    expect(refused.status, refused.text).toBe(409)
    expect(refused.body).toMatchObject({
      error: 'readiness_blocked',
      details: { reason: 'active_writer', threadId, holder: { pid: other.pid } },
    })
    expect(refused.body.details.offers.length).toBeGreaterThan(1)
    const lane = await takeover.lane('strict')
    expect(lane).toMatchObject({ status: 'blocked', blockedReason: { code: 'active_writer', details: { holder: { pid: other.pid } } } })

    await other.stop()
    const session = await takeover.http.post('/lanes/strict/session/start')
    expect(session.status, session.text).toBeLessThan(300)
    expect((await takeover.lane('strict')).status).toBe('running')
  })

  test('lenient: deferred, the kickoff is skipped, and the lane becomes ready when the other program ends', async () => {
    const threadId = await takeover.execThread(takeover.workspace('lenient'))
    const other = await takeover.foreign()
    await other.peer.call('thread/resume', { threadId, excludeTurns: true })
    const body = { laneId: 'lenient', threadId, kickoffPrompt: 'go\n#say gone', readinessMode: 'lenient' }
    const key = { 'idempotency-key': 'lenient-1' }
    const started = await takeover.http.post<StartVisibleResult>('/codex/workflows/start-visible', body, key)
    expect(started.status, started.text).toBe(201)
    expect(started.body).toMatchObject({
      turn: null,
      thread: { id: threadId, cwd: takeover.workspace('lenient') },
      session: { running: true, readinessDeferred: true, readinessReason: 'active_writer' },
    })
    const skipped = await takeover.until('lenient', 'lane.turn.skipped.readiness_deferred')
    expect(skipped.payload).toMatchObject({ reason: 'active_writer', commandId: 'lenient-1:kickoff' })
    const prompt = await takeover.http.post<Blocked>('/lanes/lenient/prompt', { input: 'too early' })
    expect([prompt.status, prompt.body.error, prompt.body.details.reason]).toEqual([409, 'readiness_blocked', 'active_writer'])

    await other.stop()
    const ready = await takeover.until('lenient', 'lane.session.ready')
    // The thread was made without a sandbox; that setting must not be taken over.
    expect(ready.payload).toMatchObject({ threadId, was: 'active_writer', approvalPolicy: 'on-request', sandbox: 'workspace-write' })
    expect(await takeover.session('lenient')).toMatchObject({ readinessDeferred: false, readinessReason: null, running: true })

    // A retry of the first command gets the same answer: the skipped kickoff does not run now.
    const again = await takeover.http.post<StartVisibleResult>('/codex/workflows/start-visible', body, key)
    expect([again.status, again.body.turn]).toEqual([201, null])
    expect((await takeover.events('lenient')).some(({ type }) => type === 'lane.turn.requested')).toBe(false)

    const late = await takeover.http.post('/lanes/lenient/prompt', { input: 'now\n#say done' })
    expect(late.status, late.text).toBe(202)
    const done = await takeover.until('lenient', 'lane.turn.completed')
    expect(done.payload).toMatchObject({ status: 'completed', finalMessage: 'done' })
  })

  test('before its first turn: deferred for another reason, which changes later', async () => {
    const other = await takeover.foreign()
    const { thread } = await other.peer.call('thread/start', { cwd: takeover.workspace('unborn') })
    const started = await takeover.startVisible<StartVisibleResult>({ laneId: 'unborn', threadId: thread.id })
    expect(started.status, started.text).toBe(201)
    expect(started.body.session).toMatchObject({ readinessDeferred: true, readinessReason: 'no_rollout' })
    await foreignTurn(other, thread.id, 'x\n#say born')
    expect((await takeover.until('unborn', 'lane.session.deferred')).payload).toMatchObject({
      was: 'no_rollout',
      readinessReason: 'active_writer',
    })
    await other.stop()
    expect((await takeover.until('unborn', 'lane.session.ready')).payload).toMatchObject({ was: 'active_writer' })
    const unknown = await takeover.startVisible<ErrorBody>({ laneId: 'nobody', threadId: '01a204aa-0000-7000-8000-000000000000' })
    expect([unknown.status, unknown.body.error]).toEqual([404, 'thread_not_found'])
  })
})

describe('other obstacles', () => {
  test('an archived thread is refused in both modes, with a way out', async () => {
    const threadId = await takeover.execThread(takeover.workspace('archived'))
    const other = await takeover.foreign()
    await other.peer.request('thread/archive', { threadId })
    for (const readinessMode of ['strict', 'lenient']) {
      const laneId = `archived-${readinessMode}`
      const refused = await takeover.startVisible<Blocked>({ laneId, threadId, readinessMode })
      expect([refused.status, refused.body.details.reason]).toEqual([409, 'archived'])
      expect(refused.body.details.offers).toEqual(['unarchive the thread'])
      expect(await takeover.lane(laneId)).toMatchObject({ status: 'blocked', blockedReason: { code: 'archived' } })
    }
  })

  test('settings of another program are not taken over with its thread, and the answer names the settings in force', async () => {
    const threadId = await takeover.execThread(takeover.workspace('sticky'))
    const started = await takeover.startVisible<StartVisibleResult>({ laneId: 'sticky', threadId })
    expect(started.status, started.text).toBe(201)
    const { payload } = await takeover.until('sticky', 'lane.session.started')
    expect(payload).toMatchObject({ approvalPolicy: 'on-request', sandbox: 'workspace-write' })
    // Proof by behaviour: a command outside the sandbox needs an approval.
    await takeover.http.post('/lanes/sticky/prompt', { input: 'x\n#ask-run touch /var/tmp/never\n#say y' })
    expect((await takeover.until('sticky', 'lane.approval.requested')).payload).toMatchObject({ kind: 'command' })
    await takeover.http.post('/lanes/sticky/interrupt', {})
    await takeover.until('sticky', 'lane.turn.completed')
  })
})
