import { setTimeout as sleep } from 'node:timers/promises'
import type { BareClient } from '../baselines/bare-client.ts'
import type { Measurement } from '../report/figure.ts'
import { differenceOf, quantile, type Round, summarise } from '../report/sample-statistics.ts'
import { WallClock } from '../report/wall-clock.ts'
import type { BenchPlan } from '../stage/bench-plan.ts'
import type { Stage } from '../stage/bench-stage.ts'
import type { ReceivedEvent } from '../stage/bridge-client.ts'

const P50_AT_MOST_MS = 5
const P99_AT_MOST_MS = 25
const EVENTS_PER_SECOND = 200

/** A rate that is so close to the wanted one needs no remark. */
const RATE_TOLERANCE = 0.95

/** The tail of one side's round is gone before the other side starts. */
const REST_MS = 300

/** One item notification: when Codex stamped it and how many milliseconds later its reader had it. */
type Sample = { stampMs: number; delayMs: number }

/**
 * Codex stamps `item/started` and `item/completed` with the wall clock (`startedAtMs`, `completedAtMs`) when they come into being, and
 * the bridge forwards both with the stamp in them. Arrival at an event stream client of the same machine less the stamp is the whole
 * way; arrival at a bare stdio client less the stamp is the part inside Codex. Both sides run the same turns (each lane a long answer
 * of many short messages at a steady pace), one after the other, so the difference of their quantiles is what the bridge adds. Stamps are
 * whole milliseconds, cut off the same way on both sides, and cancel out.
 */
export const measureLatency = async (stage: Stage, plan: BenchPlan['latency'], signal: AbortSignal): Promise<Measurement> => {
  const clock = new WallClock()
  const bareSamples: Sample[] = []
  const lanes = Array.from({ length: plan.lanes }, (_, index) => `bench-latency-${index + 1}`)
  const bareClients: BareClient[] = []
  const bridge = await stage.connect(lanes)
  try {
    for (const laneId of lanes) {
      await bridge.startLane(laneId, stage.workspace)
      bareClients.push(
        await stage.startBare((method, params) => {
          const sample = sampleOf(method, params, clock.at(performance.now()))
          if (sample) bareSamples.push(sample)
        }),
      )
    }
    const prompt = promptOf(plan)
    const rounds: { bridge: Sample[]; baseline: Sample[]; eventsPerSecond: number }[] = []
    for (let round = 0; round < plan.rounds; round += 1) {
      signal.throwIfAborted()
      clock.adjust()
      await Promise.all(lanes.map((laneId) => bridge.turn(laneId, prompt)))
      await sleep(REST_MS)
      const received = bridge.take()
      signal.throwIfAborted()
      bareSamples.length = 0
      await Promise.all(bareClients.map((client) => client.turn(prompt)))
      await sleep(REST_MS)
      rounds.push({ bridge: samplesOf(received, clock), baseline: [...bareSamples], eventsPerSecond: rateOf(received) })
    }
    return describe(rounds, plan)
  } finally {
    bridge.close()
    await Promise.all(bareClients.map((client) => client.stop()))
  }
}

/** Messages that come one by one: each is an item that starts and completes. */
const promptOf = ({ messagesPerTurn, gapMs }: BenchPlan['latency']): string =>
  Array.from({ length: messagesPerTurn }, (_, index) => `#say message ${index + 1}\n#sleep ${gapMs}`).join('\n')

const sampleOf = (method: string, params: unknown, arrivedMs: number): Sample | undefined => {
  const { startedAtMs, completedAtMs } = (params ?? {}) as { startedAtMs?: unknown; completedAtMs?: unknown }
  const stampMs = method === 'item/started' ? startedAtMs : method === 'item/completed' ? completedAtMs : undefined
  return typeof stampMs === 'number' ? { stampMs, delayMs: arrivedMs - stampMs } : undefined
}

const samplesOf = (received: readonly ReceivedEvent[], clock: WallClock): Sample[] =>
  received.flatMap(({ event, receivedAt }) => {
    const { method, params } = event.payload
    return sampleOf(String(method), params, clock.at(receivedAt)) ?? []
  })

/** Events of every kind on the stream, per second. */
const rateOf = (received: readonly ReceivedEvent[]): number => {
  const spanMs = (received.at(-1)?.receivedAt ?? 0) - (received[0]?.receivedAt ?? 0)
  return spanMs > 0 ? (received.length - 1) / (spanMs / 1000) : 0
}

const describe = (
  rounds: readonly { bridge: Sample[]; baseline: Sample[]; eventsPerSecond: number }[],
  plan: BenchPlan['latency'],
): Measurement => {
  const by = (fraction: number): Round[] =>
    rounds.map(({ bridge, baseline }) => ({ bridge: delay(bridge, fraction), baseline: delay(baseline, fraction) }))
  const rate = rounds.reduce((sum, { eventsPerSecond }) => sum + eventsPerSecond, 0) / rounds.length
  const samples = rounds.reduce((sum, { bridge }) => sum + bridge.length, 0)
  const short = rate < EVENTS_PER_SECOND * RATE_TOLERANCE ? `, short of the ${EVENTS_PER_SECOND} wanted` : ''
  return {
    title: 'event latency',
    figures: [figure('event latency, p50', by(0.5), P50_AT_MOST_MS), figure('event latency, p99', by(0.99), P99_AT_MOST_MS)],
    notes: [
      `${samples} stamped notifications of ${plan.lanes} lanes at ${rate.toFixed(0)} events/s on the stream${short}; since Codex's own stamp, on both sides`,
    ],
  }
}

const delay = (samples: readonly Sample[], fraction: number): number =>
  quantile(
    samples.map(({ delayMs }) => delayMs),
    fraction,
  )

const figure = (name: string, rounds: readonly Round[], atMost: number) => ({
  name,
  unit: 'ms' as const,
  ...summarise(rounds, differenceOf),
  resultIs: 'added' as const,
  target: { bound: 'at most' as const, value: atMost },
})
