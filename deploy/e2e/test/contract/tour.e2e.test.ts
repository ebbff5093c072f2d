import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { waitFor } from '@codex-bridge/testkit'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { SLOW_MS } from '../support/bridge-environment.ts'
import { type ContractFixture, startContractFixture } from './contract-fixture.ts'

const PRINTED_URL = 'http://127.0.0.1:8787'
const STREAM_SEC = 3
const retryingCurl = (): string => `curl -s --retry 30 --retry-delay 1 --retry-all-errors -H 'idempotency-key: ${randomUUID()}' `

const readme = readFileSync(new URL('../../../../README.md', import.meta.url), 'utf8')
const tour = readme.slice(readme.indexOf('## Five minutes'), readme.indexOf('## Where things are'))
/** Every block of commands of the tour behind the one that starts the bridge. */
const blocks = [...tour.matchAll(/```sh\n(.*?)```/gs)].map(([, commands = '']) => commands).slice(1)

let fixture: ContractFixture

beforeAll(async () => {
  fixture = await startContractFixture()
}, 120_000)
beforeEach(() => fixture.disturb())
afterAll(() => fixture?.dispose())

/** A block as it is pasted. The endless stream is watched for a moment; where a gateway may be killed, curl tries again. */
const commandsOf = (block: string): string =>
  block
    .replaceAll(PRINTED_URL, fixture.bridge.baseUrl)
    .replace('curl -sN', `curl -sN --max-time ${STREAM_SEC}`)
    .replaceAll('curl -s ', () => (fixture.count('gateway') > 1 ? retryingCurl() : 'curl -s '))

/** What a shell prints for a block of commands. */
const print = async (commands: string): Promise<string> => {
  const { stdout } = await promisify(execFile)('bash', ['-c', commands]).catch((error: { stdout: string; code: number }) => {
    // 28: curl's own word for the time being up.
    if (commands.includes('curl -sN') && error.code === 28) return error
    throw error
  })
  return stdout
}

it('works as printed, block by block, as somebody pastes it who tries again when told that it is too early', async () => {
  expect(blocks.length).toBeGreaterThanOrEqual(9)
  for (const block of blocks) {
    const commands = commandsOf(block)
    const accepted = async () => {
      const printed = await print(commands)
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
