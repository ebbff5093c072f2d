import { access, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { codexErrorKind } from '../src/index.ts'
import { CodexFixture } from './support/codex-fixture.ts'

const exists = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  )

describe('a turn', () => {
  it('streams its text and completes once', async () => {
    await using codex = await CodexFixture.start()
    const threadId = await codex.startThread()
    const turn = await codex.runTurn(threadId, 'hello wörld 🎉')
    expect(turn).toMatchObject({ status: 'completed', error: null, items: [{ type: 'agentMessage', text: 'reply to hello wörld 🎉' }] })
    const deltas = codex.messages
      .filter(({ method }) => method === 'item/agentMessage/delta')
      .map(({ params }) => (params as { delta: string }).delta)
    expect(deltas.length).toBeGreaterThan(1)
    expect(deltas.join('')).toBe('reply to hello wörld 🎉')
    expect(codex.messages.filter(({ method }) => method === 'turn/completed')).toHaveLength(1)
    expect(codex.model.requests.map((request) => [request.threadId, request.turnId, request.prompt])).toEqual([
      [threadId, turn.id, 'hello wörld 🎉'],
    ])
  })

  it('runs a script of several model calls', async () => {
    await using codex = await CodexFixture.start()
    const threadId = await codex.startThread({ sandbox: 'workspace-write' })
    const turn = await codex.runTurn(threadId, '#run echo one\n#patch note.txt first\\nsecond\n#run cat note.txt\n#say read {result}')
    expect(turn.items).toMatchObject([{ text: expect.stringMatching(/^read [\s\S]*first\nsecond$/) as string }])
    await expect(readFile(join(codex.workspace, 'note.txt'), 'utf8')).resolves.toBe('first\nsecond\n')
    expect(codex.model.requests).toHaveLength(4)
  })

  it("fails with the model's failure and leaves the thread usable", async () => {
    await using codex = await CodexFixture.start()
    const threadId = await codex.startThread()
    expect(await codex.runTurn(threadId, '#fail usage')).toMatchObject({
      status: 'failed',
      error: { codexErrorInfo: 'usageLimitExceeded' },
    })
    expect(await codex.runTurn(threadId, 'again')).toMatchObject({ status: 'completed' })
  })

  it('takes a steer and continues', async () => {
    await using codex = await CodexFixture.start()
    const threadId = await codex.startThread()
    const turnId = await codex.startTurn(threadId, '#run sleep 0.4\n#say fin')
    await codex.seen('item/started', ({ item }) => item.type === 'commandExecution')
    await codex.server.peer.call('turn/steer', {
      threadId,
      expectedTurnId: turnId,
      input: [{ type: 'text', text: 'hurry up', text_elements: [] }],
    })
    expect(await codex.turnEnd(turnId)).toMatchObject({ status: 'completed', items: [{ text: 'fin (steered: hurry up)' }] })
  })
})

describe('a command approval', () => {
  it('runs the command when accepted', async () => {
    await using codex = await CodexFixture.start()
    const threadId = await codex.startThread()
    const target = join(codex.workspace, 'made')
    const turnId = await codex.startTurn(threadId, `#ask-run touch ${target}`)
    const request = await codex.request(0)
    expect(request).toMatchObject({
      id: 0,
      method: 'item/commandExecution/requestApproval',
      params: { threadId, turnId, cwd: codex.workspace },
    })
    expect(await exists(target)).toBe(false)
    expect(codex.server.peer.respond(request.id, { decision: 'accept' })).toBe(true)
    await codex.seen('serverRequest/resolved', ({ requestId }) => requestId === 0)
    expect(await codex.turnEnd(turnId)).toMatchObject({ status: 'completed', items: [{ text: 'result: ok' }] })
    expect(await exists(target)).toBe(true)
    await codex.seen('item/completed', ({ item }) => item.type === 'commandExecution' && item.status === 'completed')
  })

  it('tells the model when declined, and the turn continues', async () => {
    await using codex = await CodexFixture.start()
    const threadId = await codex.startThread()
    const target = join(codex.workspace, 'made')
    const turnId = await codex.startTurn(threadId, `#ask-run touch ${target}\n#say told: {result}`)
    codex.server.peer.respond((await codex.request(0)).id, { decision: 'decline' })
    expect(await codex.turnEnd(turnId)).toMatchObject({
      status: 'completed',
      items: [{ text: expect.stringContaining('rejected by user') as string }],
    })
    await codex.seen('item/completed', ({ item }) => item.type === 'commandExecution' && item.status === 'declined')
    expect(await exists(target)).toBe(false)
  })

  it('never runs the command when answered with an error', async () => {
    await using codex = await CodexFixture.start()
    const threadId = await codex.startThread()
    const target = join(codex.workspace, 'made')
    const turnId = await codex.startTurn(threadId, `#ask-run touch ${target}`)
    codex.server.peer.respondError((await codex.request(0)).id, { code: -32603, message: 'no' })
    expect(await codex.turnEnd(turnId)).toMatchObject({ status: 'completed' })
    expect(await exists(target)).toBe(false)
  })

  it('can be pending twice and answered in any order', async () => {
    await using codex = await CodexFixture.start()
    const threadId = await codex.startThread()
    const turnId = await codex.startTurn(threadId, '#ask-run echo first\n#+ask-run echo second')
    const [first, second] = [await codex.request(0), await codex.request(1)]
    expect(codex.server.peer.stats.openServerRequests).toBe(2)
    codex.server.peer.respond(second.id, { decision: 'accept' })
    codex.server.peer.respond(first.id, { decision: 'accept' })
    expect(await codex.turnEnd(turnId)).toMatchObject({ status: 'completed', items: [{ text: 'result: first; second' }] })
  })

  it('is closed by an interrupt; the client then refuses an answer', async () => {
    await using codex = await CodexFixture.start()
    const threadId = await codex.startThread()
    const turnId = await codex.startTurn(threadId, '#ask-run echo x')
    const request = await codex.request(0)
    await codex.server.peer.call('turn/interrupt', { threadId, turnId })
    expect(await codex.turnEnd(turnId)).toMatchObject({ status: 'interrupted' })
    await codex.seen('serverRequest/resolved')
    expect(codex.server.peer.respond(request.id, { decision: 'accept' })).toBe(false)
  })
})

describe('other approvals', () => {
  it('of file changes, user input and permissions reach the handler, and the turn continues with the answer', async () => {
    await using codex = await CodexFixture.start({
      home: { features: { default_mode_request_user_input: true, request_permissions_tool: true } },
    })
    const threadId = await codex.startThread()
    const { peer } = codex.server
    const turnId = await codex.startTurn(
      threadId,
      `#patch z.txt hi\n#ask-user Which? | red | blue\n#call request_permissions {"reason":"r","permissions":{"file_system":{"write":["${codex.workspace}"]}}}\n#say end`,
    )
    const file = await codex.request(0)
    expect(file.method).toBe('item/fileChange/requestApproval')
    peer.respond(file.id, { decision: 'accept' })
    const question = await codex.request(1)
    expect(question).toMatchObject({ method: 'item/tool/requestUserInput', params: { questions: [{ question: 'Which?' }] } })
    peer.respond(question.id, { answers: { q1: { answers: ['red'] } } })
    const permissions = await codex.request(2)
    expect(permissions).toMatchObject({ method: 'item/permissions/requestApproval', params: { reason: 'r' } })
    peer.respond(permissions.id, { permissions: {}, scope: 'turn' })
    expect(await codex.turnEnd(turnId)).toMatchObject({ status: 'completed', items: [{ text: 'end' }] })
    await expect(readFile(join(codex.workspace, 'z.txt'), 'utf8')).resolves.toBe('hi\n')
    expect(codex.model.requests.at(-1)?.toolOutputs[1]?.text).toContain('red')
  })
})

describe('interrupt', () => {
  it('is lost by id straight after the start, and not with an empty id', async () => {
    await using codex = await CodexFixture.start()
    const threadId = await codex.startThread()
    const { peer } = codex.server
    const turnId = await codex.startTurn(threadId, '#hang')
    const byId = await peer.call('turn/interrupt', { threadId, turnId }).catch((e: unknown) => e)
    if (byId instanceof Error) {
      expect(byId.message).toBe('no active turn to interrupt')
      await peer.call('turn/interrupt', { threadId, turnId: '' })
    }
    expect(await codex.turnEnd(turnId)).toMatchObject({ status: 'interrupted', error: null })
  })

  it('works by id once the turn has started, and the thread takes the next prompt', async () => {
    await using codex = await CodexFixture.start()
    const threadId = await codex.startThread()
    const turnId = await codex.startTurn(threadId, '#say some text\n#hang')
    await codex.seen('item/agentMessage/delta')
    await codex.server.peer.call('turn/interrupt', { threadId, turnId })
    expect(await codex.turnEnd(turnId)).toMatchObject({ status: 'interrupted' })
    expect(await codex.runTurn(threadId, 'next')).toMatchObject({ status: 'completed', items: [{ text: 'reply to next' }] })
  })
})

describe('resume', () => {
  it('is refused with different errors: nothing stored, other writer, archived', async () => {
    await using codex = await CodexFixture.start()
    const threadId = await codex.startThread()
    const resume = (peer = codex.server.peer, id = threadId) =>
      peer.call('thread/resume', { threadId: id, excludeTurns: true }).catch(codexErrorKind)
    expect(await resume()).toBe('no_rollout')
    await codex.runTurn(threadId, 'hello')
    await using other = await CodexFixture.start({ server: { codexHome: codex.home } })
    expect(await resume(other.server.peer)).toBe('active_writer')
    await codex.server.peer.request('thread/archive', { threadId })
    expect(await resume(other.server.peer)).toBe('archived')
  })
})
