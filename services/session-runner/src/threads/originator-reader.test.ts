import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { OriginatorReader } from './originator-reader.ts'

const folder = mkdtempSync(join(tmpdir(), 'rollouts-'))
afterAll(() => rmSync(folder, { recursive: true }))

const rollout = (name: string, text: string): string => {
  const path = join(folder, `${name}.jsonl`)
  writeFileSync(path, text)
  return path
}
const meta = (originator: string, size = 10) =>
  `${JSON.stringify({ type: 'session_meta', payload: { base_instructions: 'ä'.repeat(size), originator } })}\n{"type":"event_msg"}\n`

it('fills in the originator from the first line of the rollout, even a long one', async () => {
  const reader = new OriginatorReader()
  const long = rollout('long', meta('Codex Desktop', 50_000))
  expect(await reader.complete({ thread: { id: 't', path: long, originator: null }, model: 'm' })).toEqual({
    thread: { id: 't', path: long, originator: 'Codex Desktop' },
    model: 'm',
  })
  const short = rollout('short', meta('codex_exec'))
  const reported = { id: 'b', path: short, originator: 'codex_vscode' }
  expect(await reader.complete({ data: [{ id: 'a', path: short }, reported], nextCursor: 'c' })).toEqual({
    data: [{ id: 'a', path: short, originator: 'codex_exec' }, reported],
    nextCursor: 'c',
  })
})

it('reads a file again that had no complete line yet', async () => {
  const reader = new OriginatorReader()
  const path = rollout('growing', '{"type":"session_meta"')
  const thread = { id: 't', path }
  expect(await reader.complete({ thread })).toEqual({ thread })
  rollout('growing', meta('codex-tui'))
  expect(await reader.complete({ thread })).toEqual({ thread: { ...thread, originator: 'codex-tui' } })
})

it.each([
  ['no file', join(folder, 'none.jsonl')],
  ['a first line that is no JSON', rollout('broken', 'x\n')],
  ['a file of another kind', '/etc/hostname'],
])('leaves the thread as it is with %s', async (_what, path) => {
  expect(await new OriginatorReader().complete({ thread: { path } })).toEqual({ thread: { path } })
})

it.each([null, undefined, {}, { data: null }, { data: ['id'] }, { data: [{ cwd: '/x' }] }])('returns %j unchanged', async (result) => {
  expect(await new OriginatorReader().complete(result)).toBe(result)
})
