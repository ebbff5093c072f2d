import { access, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { classifyResumeError } from '../src/index.ts'
import { CodexRig } from './support/codex-fixture.ts'

const exists = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  )

describe('a turn', () => {
  it('streams its text and completes once', async () => {
    await using rig = await CodexRig.start()
    const threadId = await rig.startThread()
    const turn = await rig.runTurn(threadId, 'hello wörld 🎉')
    expect(turn).toMatchObject({ status: 'completed', error: null, items: [{ type: 'agentMessage', text: 'reply to hello wörld 🎉' }] })
    const deltas = rig.messages
      .filter(({ method }) => method === 'item/agentMessage/delta')
      .map(({ params }) => (params as { delta: string }).delta)
    expect(deltas.length).toBeGreaterThan(1)
    expect(deltas.join('')).toBe('reply to hello wörld 🎉')
    expect(rig.messages.filter(({ method }) => method === 'turn/completed')).toHaveLength(1)
    expect(rig.model.requests.map((request) => [request.threadId, request.turnId, request.prompt])).toEqual([
      [threadId, turn.id, 'hello wörld 🎉'],
    ])
  })

  it('runs a script of several model calls', async () => {
    await using rig = await CodexRig.start()
    const threadId = await rig.startThread({ sandbox: 'workspace-write' })
    const turn = await rig.runTurn(threadId, '#run echo one\n#patch note.txt first\\nsecond\n#run cat note.txt\n#say read {result}')
    expect(turn.items).toMatchObject([{ text: expect.stringMatching(/^read [\s\S]*first\nsecond$/) as string }])
    await expect(readFile(join(rig.workspace, 'note.txt'), 'utf8')).resolves.toBe('first\nsecond\n')
    expect(rig.model.requests).toHaveLength(4)
  })

  it("fails with the model's failure and leaves the thread usable", async () => {
    await using rig = await CodexRig.start()
    const threadId = await rig.startThread()
    expect(await rig.runTurn(threadId, '#fail usage')).toMatchObject({ status: 'failed', error: { codexErrorInfo: 'usageLimitExceeded' } })
    expect(await rig.runTurn(threadId, 'again')).toMatchObject({ status: 'completed' })
  })

  it('takes a steer without losing its script', async () => {
    await using rig = await CodexRig.start()
    const threadId = await rig.startThread()
    const turnId = await rig.startTurn(threadId, '#run sleep 0.4\n#say fin')
    await rig.seen('item/started', ({ item }) => item.type === 'commandExecution')
    await rig.server.peer.call('turn/steer', {
      threadId,
      expectedTurnId: turnId,
      input: [{ type: 'text', text: 'hurry up', text_elements: [] }],
    })
    expect(await rig.turnEnd(turnId)).toMatchObject({ status: 'completed', items: [{ text: 'fin (steered: hurry up)' }] })
  })
})

describe('a command approval', () => {
  it('accepted runs the command', async () => {
    await using rig = await CodexRig.start()
    const threadId = await rig.startThread()
    const target = join(rig.workspace, 'made')
    const turnId = await rig.startTurn(threadId, `#ask-run touch ${target}`)
    const request = await rig.request(0)
    expect(request).toMatchObject({
      id: 0,
      method: 'item/commandExecution/requestApproval',
      params: { threadId, turnId, cwd: rig.workspace },
    })
    expect(await exists(target)).toBe(false)
    expect(rig.server.peer.respond(request.id, { decision: 'accept' })).toBe(true)
    await rig.seen('serverRequest/resolved', ({ requestId }) => requestId === 0)
    expect(await rig.turnEnd(turnId)).toMatchObject({ status: 'completed', items: [{ text: 'result: ok' }] })
    expect(await exists(target)).toBe(true)
    await rig.seen('item/completed', ({ item }) => item.type === 'commandExecution' && item.status === 'completed')
  })

  it('declined tells the model and the turn goes on', async () => {
    await using rig = await CodexRig.start()
    const threadId = await rig.startThread()
    const target = join(rig.workspace, 'made')
    const turnId = await rig.startTurn(threadId, `#ask-run touch ${target}\n#say told: {result}`)
    rig.server.peer.respond((await rig.request(0)).id, { decision: 'decline' })
    expect(await rig.turnEnd(turnId)).toMatchObject({
      status: 'completed',
      items: [{ text: expect.stringContaining('rejected by user') as string }],
    })
    await rig.seen('item/completed', ({ item }) => item.type === 'commandExecution' && item.status === 'declined')
    expect(await exists(target)).toBe(false)
  })

  it('answered with an error never runs', async () => {
    await using rig = await CodexRig.start()
    const threadId = await rig.startThread()
    const target = join(rig.workspace, 'made')
    const turnId = await rig.startTurn(threadId, `#ask-run touch ${target}`)
    rig.server.peer.respondError((await rig.request(0)).id, { code: -32603, message: 'no' })
    expect(await rig.turnEnd(turnId)).toMatchObject({ status: 'completed' })
    expect(await exists(target)).toBe(false)
  })

  it('may be two at once, answered in any order', async () => {
    await using rig = await CodexRig.start()
    const threadId = await rig.startThread()
    const turnId = await rig.startTurn(threadId, '#ask-run echo first\n#+ask-run echo second')
    const [first, second] = [await rig.request(0), await rig.request(1)]
    expect(rig.server.peer.stats.openServerRequests).toBe(2)
    rig.server.peer.respond(second.id, { decision: 'accept' })
    rig.server.peer.respond(first.id, { decision: 'accept' })
    expect(await rig.turnEnd(turnId)).toMatchObject({ status: 'completed', items: [{ text: 'result: first; second' }] })
  })

  it('is closed by an interrupt; a late answer is refused here already', async () => {
    await using rig = await CodexRig.start()
    const threadId = await rig.startThread()
    const turnId = await rig.startTurn(threadId, '#ask-run echo x')
    const request = await rig.request(0)
    await rig.server.peer.call('turn/interrupt', { threadId, turnId })
    expect(await rig.turnEnd(turnId)).toMatchObject({ status: 'interrupted' })
    await rig.seen('serverRequest/resolved')
    expect(rig.server.peer.respond(request.id, { decision: 'accept' })).toBe(false)
  })
})

describe('other approvals', () => {
  it('file change, user input and permissions reach the handler and go on with the answer', async () => {
    await using rig = await CodexRig.start({
      home: { features: { default_mode_request_user_input: true, request_permissions_tool: true } },
    })
    const threadId = await rig.startThread()
    const { peer } = rig.server
    const turnId = await rig.startTurn(
      threadId,
      `#patch z.txt hi\n#ask-user Which? | red | blue\n#call request_permissions {"reason":"r","permissions":{"file_system":{"write":["${rig.workspace}"]}}}\n#say end`,
    )
    const file = await rig.request(0)
    expect(file.method).toBe('item/fileChange/requestApproval')
    peer.respond(file.id, { decision: 'accept' })
    const question = await rig.request(1)
    expect(question).toMatchObject({ method: 'item/tool/requestUserInput', params: { questions: [{ question: 'Which?' }] } })
    peer.respond(question.id, { answers: { q1: { answers: ['red'] } } })
    const permissions = await rig.request(2)
    expect(permissions).toMatchObject({ method: 'item/permissions/requestApproval', params: { reason: 'r' } })
    peer.respond(permissions.id, { permissions: {}, scope: 'turn' })
    expect(await rig.turnEnd(turnId)).toMatchObject({ status: 'completed', items: [{ text: 'end' }] })
    await expect(readFile(join(rig.workspace, 'z.txt'), 'utf8')).resolves.toBe('hi\n')
    expect(rig.model.requests.at(-1)?.toolOutputs[1]?.text).toContain('red')
  })
})

describe('interrupt', () => {
  it('by id straight after the start is lost; with an empty id it is not', async () => {
    await using rig = await CodexRig.start()
    const threadId = await rig.startThread()
    const { peer } = rig.server
    const turnId = await rig.startTurn(threadId, '#hang')
    const byId = await peer.call('turn/interrupt', { threadId, turnId }).catch((e: unknown) => e)
    if (byId instanceof Error) {
      expect(byId.message).toBe('no active turn to interrupt')
      await peer.call('turn/interrupt', { threadId, turnId: '' })
    }
    expect(await rig.turnEnd(turnId)).toMatchObject({ status: 'interrupted', error: null })
  })

  it('by id works once the turn has started, and the thread takes the next prompt', async () => {
    await using rig = await CodexRig.start()
    const threadId = await rig.startThread()
    const turnId = await rig.startTurn(threadId, '#say some text\n#hang')
    await rig.seen('item/agentMessage/delta')
    await rig.server.peer.call('turn/interrupt', { threadId, turnId })
    expect(await rig.turnEnd(turnId)).toMatchObject({ status: 'interrupted' })
    expect(await rig.runTurn(threadId, 'next')).toMatchObject({ status: 'completed', items: [{ text: 'reply to next' }] })
  })
})

describe('resume', () => {
  it('errors are told apart: nothing stored, other writer, archived', async () => {
    await using rig = await CodexRig.start()
    const threadId = await rig.startThread()
    const resume = (peer = rig.server.peer, id = threadId) =>
      peer.call('thread/resume', { threadId: id, excludeTurns: true }).catch(classifyResumeError)
    expect(await resume()).toBe('no_rollout')
    await rig.runTurn(threadId, 'hello')
    await using other = await CodexRig.start({ server: { codexHome: rig.home } })
    expect(await resume(other.server.peer)).toBe('active_writer')
    await rig.server.peer.call('thread/archive', { threadId })
    expect(await resume(other.server.peer)).toBe('archived')
  })
})
