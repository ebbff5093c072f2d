import type { TurnStatus } from '@codex-bridge/contracts'
import type { ProcessName } from '@codex-bridge/local'
import { waitFor } from '@codex-bridge/testkit'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { SLOW_MS } from '../support/bridge-environment.ts'
import { type BridgeFixture, startBridgeFixture } from '../support/bridge-fixture.ts'
import { Lanes } from '../support/lanes-fixture.ts'
import { type Observers, observe } from '../support/observers-fixture.ts'
import { expectNothingLost, expectTruth, promptPatiently } from './chaos-fixture.ts'

const LANES = ['north', 'south', 'east']

/** Killing the runner interrupts its turns. Any other process may die while Codex continues to work. */
const VICTIMS: [ProcessName, TurnStatus][] = [
  ['gateway', 'completed'],
  ['lane-registry', 'completed'],
  ['session-runner', 'interrupted'],
  ['approvals', 'completed'],
  ['webhook-dispatcher', 'completed'],
  ['nats', 'completed'],
  ['redis', 'completed'],
]

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

const isUnderWay = (text: string): boolean => fixture.model.requests.some(({ prompt }) => prompt.startsWith(text))

test.each(VICTIMS)('SIGKILL of %s while turns run: nothing is lost, the turns are %s, and the bridge recovers', async (victim, end) => {
  const textOf = (laneId: string) => `${victim} dies over ${laneId}`
  const turns = await Promise.all(
    LANES.map((laneId) => lanes.prompt(laneId, `${textOf(laneId)}\n#sleep 300\n#run true\n#sleep 900\n#say ${laneId} got through`)),
  )
  await waitFor(() => LANES.every((laneId) => isUnderWay(textOf(laneId))), { timeoutMs: SLOW_MS, describe: 'all turns under way' })
  const seen = observers.streamed()
  const pid = fixture.bridge.pids[victim]

  const killedAt = performance.now()
  await fixture.bridge.kill(victim)
  const next = LANES.map(async (laneId, index) => {
    const completed = await lanes.completion(laneId, turns[index]?.commandId ?? '')
    expect(completed.payload, laneId).toMatchObject({ status: end, ...(end === 'interrupted' && { cause: 'session_lost' }) })
    const { receipt, tries } = await promptPatiently(lanes, laneId, `after ${victim}\n#say well`, `after-${victim}-${laneId}`)
    const { payload } = await lanes.completion(laneId, receipt.commandId)
    expect(payload, laneId).toMatchObject({ status: 'completed', finalMessage: 'well' })
    return { tries, tookMs: performance.now() - killedAt }
  })
  const ready = fixture.bridge.ready(victim).then(() => performance.now() - killedAt)
  const results = await Promise.all(next)
  const readyMs = await ready
  expect(fixture.bridge.pids[victim]).not.toBe(pid)
  expect(fixture.said).toContain(`${victim} ended (signal SIGKILL) — restarting`)

  await fixture.bridge.healthy()
  const { events, repeated } = await expectNothingLost(lanes, observers, seen)
  await expectTruth(fixture, lanes, LANES)
  for (const laneId of LANES) await lanes.untilStatus(laneId, 'done')
  const wholeMs = Math.max(...results.map(({ tookMs }) => tookMs))
  process.stdout.write(
    `SIGKILL ${victim}: back after ${Math.round(readyMs)} ms, next prompts done after ${Math.round(wholeMs)} ms ` +
      `(${results.map(({ tries }) => tries).join('/')} tries); ${seen.length} events before, ${events} in all, none lost, ` +
      `${repeated} deliveries repeated, ${observers.sse.connections} stream connections\n`,
  )
})
