import type { Bus } from '@codex-bridge/bus'
import type { EventEnvelope, Lane, Session, StartVisibleResult } from '@codex-bridge/contracts'
import { connectSse, findAppServers, waitFor } from '@codex-bridge/testkit'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { SLOW_MS } from '../support/bridge-environment.ts'
import { type BridgeFixture, startBridgeFixture } from '../support/bridge-fixture.ts'
import { Lanes } from '../support/lanes-fixture.ts'
import { type Observers, observe, tapBus } from '../support/observers-fixture.ts'

/** The body of the contract's start-visible call, character by character. */
const CONTRACT_BODY = `{
"laneId":"lane-new",
"title":"Bridge managed lane",
"kickoffPrompt":"Review current branch and summarize status",
"preferredSurface":"any",
"requirePreferredSurface":false,
"readinessMode":"lenient"
}`

const MILESTONES = [
  'lane.created',
  'lane.session.started',
  'lane.turn.requested',
  'lane.turn.started',
  'lane.item.completed.notification',
  'lane.turn.completed',
  'lane.completed',
]

let fixture: BridgeFixture
let lanes: Lanes
let observers: Observers
let tap: { bus: Bus; events: EventEnvelope[] }
let started: { status: number; body: StartVisibleResult }

const idsOf = (events: readonly EventEnvelope[]): string[] => events.map(({ id }) => id)

beforeAll(async () => {
  // The scripted model is paced so that the answer shows the turn running, as with a real model.
  fixture = await startBridgeFixture({ paceMs: 60 })
  lanes = new Lanes(fixture)
  observers = await observe(fixture)
  tap = await tapBus(fixture, 'lane.evt.>')
  const headers = { 'content-type': 'application/json' }
  started = await fixture.http.raw<StartVisibleResult>('POST', '/codex/workflows/start-visible', { headers, body: CONTRACT_BODY })
  await lanes.untilStatus('lane-new', 'done')
})

afterAll(async () => {
  await tap?.bus.close()
  await observers?.close()
  await fixture?.dispose()
})

test('the start-visible call of the contract answers with the running lane, its session and its thread', () => {
  expect(started.status).toBe(201)
  const { lane, session, thread, turn } = started.body
  expect(lane).toMatchObject({ laneId: 'lane-new', title: 'Bridge managed lane', status: 'running', sessionRunning: true })
  expect(lane).toMatchObject({ readinessMode: 'lenient', preferredSurface: 'any', requirePreferredSurface: false })
  expect(session).toMatchObject({ laneId: 'lane-new', running: true, threadId: thread.id, readinessDeferred: false, readinessReason: null })
  expect(thread).toMatchObject({ id: lane.threadId, name: 'Bridge managed lane' })
  expect(turn).toMatchObject({ action: 'prompt', status: 'inProgress', threadId: thread.id })
  expect(turn?.turnId).toBe(session.activeTurnId)
})

test('the stream shows every event of the turn once, in order, with growing ids', () => {
  observers.sse.assertContiguous()
  const events = observers.streamed('lane-new')
  const firsts = MILESTONES.map((type) => events.findIndex((event) => event.type === type))
  expect(firsts, JSON.stringify(events.map(({ type }) => type))).not.toContain(-1)
  expect(firsts).toEqual([...firsts].sort((left, right) => left - right))
  for (const type of MILESTONES.filter((name) => !name.endsWith('.notification'))) {
    expect(events.filter((event) => event.type === type).length, type).toBe(1)
  }
  for (const frame of observers.sse.events) expect(frame.id).toBe(String((frame.data as EventEnvelope).seq))
})

test('the completion carries the final message and the usage', async () => {
  const completed = await lanes.until('lane-new', 'lane.turn.completed')
  expect(completed.payload).toMatchObject({
    status: 'completed',
    cause: null,
    error: null,
    turnId: started.body.turn?.turnId,
    finalMessage: 'reply to Review current branch and summarize status',
  })
  expect(completed.payload['usage']).toMatchObject({ total: { totalTokens: 120 } })
  const asked = fixture.model.requests.filter(({ prompt }) => prompt === 'Review current branch and summarize status')
  expect(asked.length).toBe(1)
})

test('REST, the stream, a NATS subscriber and a webhook give the same ids in the same order', async () => {
  const stored = idsOf(await lanes.events('lane-new'))
  expect(new Set(stored).size).toBe(stored.length)
  await waitFor(() => observers.delivered('lane-new').length >= stored.length, { timeoutMs: SLOW_MS, describe: 'every delivery' })
  expect(idsOf(observers.streamed('lane-new'))).toEqual(stored)
  expect(idsOf(tap.events.filter(({ laneId }) => laneId === 'lane-new'))).toEqual(stored)
  expect(observers.deliveries('lane-new').map(({ envelope }) => envelope.eventId)).toEqual(stored)
})

test('a delivery is the envelope of the contract', () => {
  const [delivery] = observers.deliveries('lane-new').filter(({ envelope }) => envelope.eventType === 'lane.completed')
  const event = observers.streamed('lane-new').find(({ type }) => type === 'lane.completed')
  expect(delivery?.webhookId).toBe(`${observers.webhook.id}:${event?.id}`)
  expect(delivery?.envelope).toMatchObject({
    source: 'oai-app-proxy',
    eventKey: `${observers.webhook.id}:${event?.id}`,
    eventId: event?.id,
    subscriptionId: observers.webhook.id,
    eventType: 'lane.completed',
    laneId: 'lane-new',
    threadId: started.body.thread.id,
    sessionId: 'lane-new',
    scope: { laneIds: [], threadIds: [], sessionIds: [] },
    payload: event?.payload,
    event,
  })
})

test('a stream that resumes after an id continues with the next one', async () => {
  const all = observers.streamed()
  const middle = all[Math.floor(all.length / 2)]
  const resumed = await connectSse(`${fixture.bridge.baseUrl}/events/stream`, { lastEventId: String(middle?.seq) })
  const last = all.at(-1)
  await resumed.waitFor(({ id }) => id === String(last?.seq), SLOW_MS)
  resumed.assertContiguous()
  expect(resumed.sequence().first).toBe((middle?.seq ?? 0) + 1)
  resumed.close()
})

test('step by step: lane, session, prompt, stop and delete', async () => {
  const created = await fixture.http.post<Lane>('/lanes', { laneId: 'by-hand', repoRoot: fixture.workspace('by-hand') })
  expect(created.status, created.text).toBe(201)
  expect(created.body).toMatchObject({ laneId: 'by-hand', status: 'idle', threadId: null, sessionRunning: false })
  expect((await fixture.http.post('/lanes', { laneId: 'by-hand' })).body).toMatchObject({ error: 'lane_exists' })

  const session = await lanes.post<Session>('by-hand', 'session/start')
  expect(session.status, session.text).toBe(200)
  expect(session.body).toMatchObject({ running: true, activeTurnId: null, pendingRequests: 0 })
  const listed = await fixture.http.get<{ sessions: Session[] }>('/lanes/sessions')
  expect(listed.body.sessions.map(({ laneId }) => laneId).sort()).toEqual(['by-hand', 'lane-new'])

  const completed = await lanes.turn('by-hand', '#say done by hand')
  expect(completed.payload).toMatchObject({ status: 'completed', finalMessage: 'done by hand' })
  const { pid } = await lanes.session('by-hand')
  const stopped = await lanes.post<Session>('by-hand', 'session/stop')
  expect(stopped.status, stopped.text).toBe(200)
  expect(stopped.body).toMatchObject({ running: false, startedAt: null, threadId: session.body.threadId })
  expect(findAppServers(fixture.codexHome).map((info) => info.pid)).not.toContain(pid)
  expect((await lanes.lane('by-hand')).status).toBe('done')

  expect((await fixture.http.delete('/lanes/by-hand')).status).toBe(204)
  expect((await fixture.http.get('/lanes/by-hand')).body).toMatchObject({ error: 'lane_not_found' })
})

test('a client that got the answer to a create or delete sees its effect at once', async () => {
  const shown = async () => (await fixture.http.get<{ lanes: Lane[] }>('/lanes')).body.lanes.map(({ laneId }) => laneId)
  const seen: string[][] = []
  for (let round = 0; round < 15; round += 1) {
    await fixture.http.post('/lanes', { laneId: 'fleeting' })
    seen.push(await shown())
    expect((await fixture.http.delete('/lanes/fleeting')).status).toBe(204)
    seen.push(await shown())
    expect((await fixture.http.get('/lanes/fleeting')).body).toMatchObject({ error: 'lane_not_found' })
  }
  expect(seen).toEqual(seen.map((_, index) => (index % 2 === 0 ? ['fleeting', 'lane-new'] : ['lane-new'])))
})
