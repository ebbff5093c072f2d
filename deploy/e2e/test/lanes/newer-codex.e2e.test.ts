import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { resolveCodexBinary } from '@codex-bridge/codex-client'
import { codexUnderTest, createTempDir, waitFor } from '@codex-bridge/testkit'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { SLOW_MS } from '../support/bridge-environment.ts'
import { type BridgeFixture, startBridgeFixture } from '../support/bridge-fixture.ts'
import { Lanes } from '../support/lanes-fixture.ts'

type Answered = { id: number | string; method: string; afterMs: number; answer: { error?: { code: number; message: string } } }

const folder = createTempDir('newer-codex-')
const file = join(folder.path, 'answers.jsonl')
let fixture: BridgeFixture
let lanes: Lanes

/** The real codex with unknown messages mixed in. */
const newerCodex = (): string => {
  const path = join(folder.path, 'bin', 'codex')
  const { path: real } = resolveCodexBinary({ env: codexUnderTest() })
  const script = fileURLToPath(new URL('../support/newer-codex.mjs', import.meta.url))
  mkdirSync(dirname(path))
  writeFileSync(path, `#!/bin/sh\nexec '${process.execPath}' '${script}' '${real}' '${file}' "$@"\n`)
  chmodSync(path, 0o755)
  return path
}

const answered = (): Answered[] =>
  existsSync(file)
    ? readFileSync(file, 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as Answered)
    : []

beforeAll(async () => {
  fixture = await startBridgeFixture({ serviceEnv: { 'session-runner': { CODEX_BIN: newerCodex() } } })
  lanes = new Lanes(fixture)
})

afterAll(async () => {
  await fixture?.dispose()
  folder.cleanup()
})

test('a missing method is reported with what depends on it', async () => {
  const look = async () => {
    const { body } = await fixture.http.get<{ status: string; codex: { missingMethods: string[] }; problems: string[] }>('/health')
    return body.codex.missingMethods?.length > 0 && body
  }
  const health = await waitFor(look, { timeoutMs: SLOW_MS, describe: 'the missing method' })
  expect(health).toMatchObject({ status: 'degraded', codex: { missingMethods: ['thread/fork'] } })
  expect(health.problems).toEqual([expect.stringMatching(/^session-runner-1: Codex \S+ lacks thread\/fork, needed for forking threads/)])
})

test('unknown requests are refused at once and recorded, unknown notifications are passed on, and the lane continues', async () => {
  await lanes.start('future')
  const { payload } = await lanes.turn('future', '#run echo one\n#sleep 1500\n#say still here')
  expect(payload).toMatchObject({ status: 'completed', finalMessage: 'still here' })
  expect(await lanes.untilStatus('future', 'done')).toMatchObject({ pendingApprovals: 0, sessionRunning: true })

  expect(answered().map(({ id }) => id)).toEqual(['future-1', 900_001, 'list-1', 'odd-1'])
  for (const { method, afterMs, answer } of answered()) {
    expect(answer.error, method).toMatchObject({ code: -32_601, message: expect.stringContaining(method) as string })
    // Well before the end of the turn, which takes longer than this.
    expect(afterMs, method).toBeLessThan(1400)
  }

  const events = await lanes.events('future')
  const payloadOf = (type: string) => events.filter((event) => event.type === type).map((event) => event.payload)
  expect(payloadOf('lane.item.future.requestApproval.notification')).toMatchObject([{ params: { answered: 'not supported' } }])
  expect(payloadOf('lane.thread.future.happened.notification')).toMatchObject([{ params: { deep: [1, { empty: null }] } }])
  expect(payloadOf('lane.future.bare.notification')).toHaveLength(2)
  expect(payloadOf('lane.future.list.notification')).toHaveLength(2)
  expect(payloadOf('lane.future.large.notification')).toMatchObject([{ truncated: true }])
  const odd = 'future/odd name\r\nNats-Header: ünïcode'
  expect(payloadOf('lane.future.odd_name__Nats-Header___n_code.notification')).toMatchObject([{ method: odd }, { method: odd }])
  expect(payloadOf('lane.turn.completed')).toHaveLength(1)
  expect(events.filter(({ type }) => /approval|lost|stopped|fenced/.test(type) && !type.endsWith('.notification'))).toEqual([])
})

test('later turns of the same session work as well', async () => {
  const { pid } = await lanes.session('future')
  for (const text of ['two', 'three']) {
    expect((await lanes.turn('future', `#say ${text}`)).payload).toMatchObject({ status: 'completed', finalMessage: text })
  }
  expect(await lanes.session('future')).toMatchObject({ pid, running: true, pendingRequests: 0 })
  const [approval] = await (async () => {
    await lanes.prompt('future', `#ask-run touch ${join(folder.path, 'asked')}\n#say asked`)
    return await lanes.untilAsked('future')
  })()
  expect((await lanes.post('future', `approvals/${approval?.approvalId}/approve`)).status).toBe(200)
  await lanes.until('future', 'lane.turn.completed', { where: ({ payload }) => payload['finalMessage'] === 'asked' })
})

test('a turn outside lanes answers them too, and its thread is released', async () => {
  const before = answered().length
  const { body: started } = await fixture.http.post<{ thread: { id: string } }>('/codex/threads/start', { cwd: fixture.workspace('alone') })
  const { status, text } = await fixture.http.post(`/codex/threads/${started.thread.id}/turns/start`, { input: '#say alone' })
  expect(status, text).toBe(202)
  await waitFor(async () => (await fixture.http.get<{ threads: unknown[] }>('/codex/threads/loaded')).body.threads.length === 1, {
    timeoutMs: SLOW_MS,
    describe: 'the thread to be given back',
  })
  expect(answered().slice(before)).toHaveLength(4)
  const { body } = await fixture.http.get<{ turns: { status: string }[] }>(`/codex/threads/${started.thread.id}?includeTurns=true`)
  expect(body.turns.map((turn) => turn.status)).toEqual(['completed'])
})
