import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { waitFor } from '@codex-bridge/testkit'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { SLOW_MS } from '../support/bridge-environment.ts'
import { type ContractFixture, startContractFixture } from './contract-fixture.ts'

const PRINTED_URL = 'http://127.0.0.1:8787'
const STREAM_SEC = 3

const readme = readFileSync(new URL('../../../../README.md', import.meta.url), 'utf8')
const tour = readme.slice(readme.indexOf('## Five minutes'), readme.indexOf('## Where things are'))
/** Every block of commands of the tour behind the one that starts the bridge. */
const blocks = [...tour.matchAll(/```sh\n(.*?)```/gs)].map(([, commands = '']) => commands).slice(1)

let fixture: ContractFixture

beforeAll(async () => {
  fixture = await startContractFixture()
}, 120_000)
afterAll(() => fixture?.dispose())

/** What a shell prints for a block. The endless stream is watched for a moment. */
const print = async (block: string): Promise<string> => {
  const commands = block.replaceAll(PRINTED_URL, fixture.bridge.baseUrl).replace('curl -sN', `curl -sN --max-time ${STREAM_SEC}`)
  const { stdout } = await promisify(execFile)('bash', ['-c', commands]).catch((error: { stdout: string; code: number }) => {
    // 28: curl's own word for the time being up.
    if (block.includes('curl -sN') && error.code === 28) return error
    throw error
  })
  return stdout
}

it('works as printed, block by block, as somebody pastes it who tries again when told that it is too early', async () => {
  expect(blocks.length).toBeGreaterThanOrEqual(9)
  for (const block of blocks) {
    const accepted = async () => {
      const printed = await print(block)
      expect(printed, block).not.toContain('"error":"')
      expect(printed, block).not.toBe('')
      if (block.trim().endsWith('/lanes/tour')) expect(printed).toContain('"status":"done"')
      return true
    }
    await waitFor(accepted, { timeoutMs: SLOW_MS, intervalMs: 200, describe: block })
  }
  await fixture.untilStatus('tour', 'interrupted')
  const ends = (await fixture.events('tour', 'lane.turn.completed')).map(({ payload }) => payload['status'])
  expect(ends).toEqual(['completed', 'completed', 'interrupted'])
  expect((await fixture.events('tour', 'lane.approval.resolved')).map(({ payload }) => payload['status'])).toEqual(['approved'])
})
