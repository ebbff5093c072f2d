import type { EventEnvelope, Lane, Session, SessionState, TurnReceipt } from '@codex-bridge/contracts'
import { findAppServers, waitFor } from '@codex-bridge/testkit'
import { expect } from 'vitest'
import { SLOW_MS } from '../support/bridge-environment.ts'
import type { BridgeFixture } from '../support/bridge-fixture.ts'
import type { Lanes } from '../support/lanes-fixture.ts'
import type { Observers } from '../support/observers-fixture.ts'

/** Statuses of a lane at work. */
const LIVE: ReadonlySet<string> = new Set(['starting', 'running', 'needs_approval', 'verifying'])

/** Answers after which a client repeats the request: no service is available yet, or the outcome is unknown. */
const isRefusedForNow = (status: number): boolean => status === 502 || status === 503 || status === 504

/** How long a client waits for an answer before it repeats the request: a killed process never answers. */
const CLIENT_PATIENCE_MS = 5000

export type Patient = { receipt: TurnReceipt; tries: number }

/** Prompts like a client that is unaware of the outage: it repeats the request with the same key until it gets an answer. */
export const promptPatiently = async (lanes: Lanes, laneId: string, input: string, key: string): Promise<Patient> => {
  let tries = 0
  const receipt = await waitFor(
    async () => {
      tries += 1
      const answer = await lanes.post<TurnReceipt & { status: string }>(laneId, 'prompt', { input }, key, CLIENT_PATIENCE_MS)
      if (isRefusedForNow(answer.status) || answer.body?.status === 'unknown') throw new Error(`${answer.status} ${answer.text}`)
      return answer
    },
    { timeoutMs: SLOW_MS, intervalMs: 150, describe: `an answer to the prompt ${key}` },
  )
  expect(receipt.status, receipt.text).toBe(202)
  return { receipt: receipt.body, tries }
}

const idsOf = (events: readonly EventEnvelope[]): string[] => events.map(({ id }) => id)

/** Waits until stream and webhook have caught up with the log, so that a difference means loss and not delay. */
const settle = (lanes: Lanes, observers: Observers, laneIds: readonly string[]): Promise<unknown> =>
  waitFor(
    async () => {
      for (const laneId of laneIds) {
        const stored = await lanes.events(laneId)
        const [streamed, delivered] = [observers.streamed(laneId).length, observers.delivered(laneId).length]
        if (streamed < stored.length || delivered < stored.length) {
          throw new Error(`${laneId}: ${stored.length} stored, ${streamed} streamed, ${delivered} delivered`)
        }
      }
      return true
    },
    { timeoutMs: SLOW_MS, intervalMs: 200, describe: 'stream and webhook to have everything' },
  )

/**
 * Expects that nothing was lost, repeated or reordered: log, stream and webhook agree, events seen earlier are still there,
 * and a repeated delivery can be recognised as such.
 */
export const expectNothingLost = async (
  lanes: Lanes,
  observers: Observers,
  seenBefore: readonly EventEnvelope[],
): Promise<{ events: number; repeated: number }> => {
  const laneIds = [...new Set(observers.streamed().map(({ laneId }) => laneId))]
  for (const laneId of laneIds) await untilOutcomes(lanes, laneId)
  await settle(lanes, observers, laneIds)
  const all = await Promise.all(laneIds.map((laneId) => lanes.events(laneId)))
  for (const [index, laneId] of laneIds.entries()) {
    const stored = idsOf(all[index] ?? [])
    expect(new Set(stored).size, `${laneId}: an event is stored twice`).toBe(stored.length)
    expect(idsOf(observers.streamed(laneId)), `${laneId}: the stream`).toEqual(stored)
    expect(observers.delivered(laneId), `${laneId}: the webhook`).toEqual(stored)
    expectEveryTurnEnded(laneId, all[index] ?? [])
  }
  observers.sse.assertContiguous()
  const stored = new Map(all.flat().map((event) => [event.id, event]))
  for (const event of seenBefore) expect(stored.get(event.id), `seen before: ${event.seq} ${event.type}`).toEqual(event)
  for (const { webhookId, envelope } of observers.deliveries()) {
    expect(webhookId).toBe(`${observers.webhook.id}:${envelope.eventId}`)
    expect(envelope).toMatchObject({ eventKey: webhookId, event: stored.get(envelope.eventId) })
  }
  return { events: stored.size, repeated: observers.deliveries().length - observers.delivered().length }
}

const OUTCOMES: ReadonlySet<string> = new Set(['lane.completed', 'lane.failed', 'lane.blocked', 'lane.interrupted'])

const endsOf = (events: readonly EventEnvelope[]): EventEnvelope[] => events.filter(({ type }) => type === 'lane.turn.completed')

/** How many ends of turns became a status of the lane. */
const outcomesOf = (events: readonly EventEnvelope[], end: EventEnvelope): number =>
  events.filter(({ type, payload }) => OUTCOMES.has(type) && (payload['cause'] as { seq?: number } | null)?.seq === end.seq).length

/** Waits for the lane's status, which follows the end of its turn with a short delay. */
const untilOutcomes = (lanes: Lanes, laneId: string): Promise<unknown> =>
  waitFor(
    async () => {
      const events = await lanes.events(laneId)
      return endsOf(events).every((end) => outcomesOf(events, end) > 0)
    },
    { timeoutMs: SLOW_MS, intervalMs: 200, describe: `${laneId} to show how its turns ended` },
  )

/** Expects that every requested turn ended exactly once, and that each end set the lane's status exactly once. */
const expectEveryTurnEnded = (laneId: string, events: readonly EventEnvelope[]): void => {
  const asked = events.filter(({ type }) => type === 'lane.turn.requested').map(({ commandId }) => commandId)
  const ends = endsOf(events)
  expect(
    ends.map(({ commandId }) => commandId),
    `${laneId}: ends of turns`,
  ).toEqual(asked)
  for (const end of ends) expect(outcomesOf(events, end), `${laneId}: status after the turn that ended at ${end.seq}`).toBe(1)
}

/** The newest session state of a lane in the log. */
const storedPhase = async (lanes: Lanes, laneId: string): Promise<{ seq: number; live: boolean }> => {
  const events = await lanes.events(laneId)
  const states = events.map(({ state }) => state as Partial<SessionState>).filter(({ phase }) => phase !== undefined)
  return { seq: events.at(-1)?.seq ?? 0, live: states.at(-1)?.phase === 'live' }
}

/** Expects that log, lanes, sessions and processes agree: every running session has its process, and no other process is left. */
export const expectTruth = (fixture: BridgeFixture, lanes: Lanes, laneIds: readonly string[]): Promise<unknown> =>
  waitFor(
    async () => {
      const shown: Lane[] = await Promise.all(laneIds.map((laneId) => lanes.lane(laneId)))
      const sessions: Session[] = await Promise.all(laneIds.map((laneId) => lanes.session(laneId)))
      const living = findAppServers(fixture.codexHome).map(({ pid }) => pid)
      for (const [index, lane] of shown.entries()) {
        const session = sessions[index]
        const stored = await storedPhase(lanes, lane.laneId)
        expect([lane.seq, lane.sessionRunning], `${lane.laneId} beside the log`).toEqual([stored.seq, stored.live])
        expect(lane.sessionRunning, lane.laneId).toBe(session?.running)
        if (LIVE.has(lane.status)) expect(session?.running, `${lane.laneId} is ${lane.status}`).toBe(true)
        expect(lane.activeTurnId, lane.laneId).toBe(session?.activeTurnId)
      }
      const claimed = sessions.filter(({ running }) => running).map(({ pid }) => pid)
      expect(living.sort()).toEqual(claimed.sort())
      return true
    },
    { timeoutMs: SLOW_MS, intervalMs: 200, describe: 'lanes, sessions and processes to agree' },
  )
