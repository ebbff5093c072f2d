import { setTimeout as pause } from 'node:timers/promises'
import type { EventEnvelope } from '@codex-bridge/contracts'
import type { ProcessName } from '@codex-bridge/local'
import { seededRandom } from '@codex-bridge/testkit'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type BridgeFixture, startBridgeFixture } from '../support/bridge-fixture.ts'
import { Lanes } from '../support/lanes-fixture.ts'
import { type Observers, observe } from '../support/observers-fixture.ts'
import { expectNothingLost, expectTruth, promptPatiently } from './chaos-fixture.ts'

const LANES = ['one', 'two', 'three', 'four', 'five', 'six']

/** The processes killed in each round. Mostly the runner, which appends an event first and acts on it afterwards. */
const ROUNDS: ProcessName[][] = [
  ['session-runner'],
  ['session-runner', 'gateway'],
  ['session-runner', 'lane-registry'],
  ['nats'],
  ['session-runner', 'nats'],
  ['session-runner'],
]

/** Prompts and kills happen at random within this time from the start of a round. */
const SPREAD_MS = 220

let fixture: BridgeFixture
let lanes: Lanes
let observers: Observers

beforeAll(async () => {
  fixture = await startBridgeFixture()
  lanes = new Lanes(fixture)
  observers = await observe(fixture)
  for (const laneId of LANES) await lanes.start(laneId)
})

afterAll(async () => {
  await observers?.close()
  await fixture?.dispose()
})

test('processes killed at any moment of a prompt: each prompt runs at most once and ends exactly once', async () => {
  const random = seededRandom('kills')
  const keys: { laneId: string; key: string }[] = []
  const ends: Record<string, number> = {}
  let tries = 0
  const seen: EventEnvelope[] = []
  for (const [round, victims] of ROUNDS.entries()) {
    const startedAt = performance.now()
    const sending = LANES.map(async (laneId) => {
      const key = `round-${round}-${laneId}`
      keys.push({ laneId, key })
      await pause(random() * SPREAD_MS)
      const answer = await promptPatiently(lanes, laneId, `${key}.\n#say ${key} done`, key)
      tries += answer.tries
      const { payload } = await lanes.completion(laneId, key)
      const end = `${payload['status']}${payload['cause'] === null ? '' : ` (${payload['cause']})`}`
      ends[end] = (ends[end] ?? 0) + 1
    })
    const killing = victims.map(async (victim) => {
      await pause(random() * SPREAD_MS)
      await fixture.bridge.kill(victim)
      await fixture.bridge.ready(victim)
    })
    seen.push(...observers.streamed().slice(seen.length))
    await Promise.all([...sending, ...killing])
    process.stdout.write(`round ${round}, ${victims.join(' and ')}: ${Math.round(performance.now() - startedAt)} ms\n`)
  }
  const asked = keys.map(({ key }) => fixture.model.requests.filter(({ prompt }) => prompt.startsWith(`${key}.`)).length)
  expect(Math.max(...asked), `model requests per prompt: ${asked}`).toBeLessThanOrEqual(1)
  for (const { laneId, key } of keys) {
    const completions = (await lanes.events(laneId, 'lane.turn.completed')).filter(({ commandId }) => commandId === key)
    expect(completions.length, `${key}`).toBe(1)
    const [completion] = completions
    const said = fixture.model.requests.some(({ prompt }) => prompt.startsWith(`${key}.`))
    if (completion?.payload['status'] === 'completed') expect(said, key).toBe(true)
  }
  await fixture.bridge.healthy()
  const { events, repeated } = await expectNothingLost(lanes, observers, seen)
  await expectTruth(fixture, lanes, LANES)
  for (const laneId of LANES) expect((await lanes.turn(laneId, '#say calm')).payload).toMatchObject({ status: 'completed' })
  process.stdout.write(
    `${ROUNDS.flat().length} kills over ${keys.length} prompts: ${JSON.stringify(ends)}, ${tries} tries, ` +
      `${asked.filter((count) => count === 0).length} prompts never reached the model; ${events} events, none lost, ` +
      `${repeated} deliveries repeated\n`,
  )
}, 120_000)
