import { AggregateStore, type Bus, decodeEnvelope, EventLog, readRange } from '@codex-bridge/bus'
import { startBroker } from '@codex-bridge/bus/testing'
import { type Draft, type EventEnvelope, type SessionState, subjects } from '@codex-bridge/contracts'
import { createLogger, newCommandId, stampEvent } from '@codex-bridge/service-kit'
import { connectStore, SnapshotStore } from '@codex-bridge/store'
import { type NatsServer, type RedisServer, sampleEvent, startRedis, waitFor } from '@codex-bridge/testkit'
import { LaneQueries } from '../src/lanes/lane-queries.ts'
import { LaneService } from '../src/lanes/lane-service.ts'
import { LaneProjector } from '../src/projection/lane-projector.ts'
import { SessionClient } from '../src/sessions/session-client.ts'
import { ThreadService } from '../src/threads/thread-service.ts'
import { RunnerSurvey } from '../src/watch/runner-survey.ts'
import { activeTurn, sessionState } from './lane-samples.ts'

const logger = createLogger('test', 'test', 'silent')

/** One registry's parts over a server pair, its projector running. */
export type Registry = {
  bus: Bus
  store: SnapshotStore
  projector: LaneProjector
  reader: LaneQueries
  workflow: LaneService
  threads: ThreadService
  survey: RunnerSurvey
  stop(): Promise<void>
}

export type Rig = {
  nats: NatsServer
  redis: RedisServer
  bus: Bus
  log: EventLog
  /** The session aggregate, written as a runner would. */
  sessions: AggregateStore<'session'>
  registry(options?: { startTimeoutMs?: number }): Promise<Registry>
  stop(): Promise<void>
}

export const startRig = async (): Promise<Rig> => {
  const [broker, redis] = await Promise.all([startBroker(), startRedis({ exclusive: true })])
  const { nats, bus } = broker
  const running = new Set<Registry>()
  return {
    nats,
    redis,
    bus,
    log: new EventLog(bus),
    sessions: new AggregateStore(new EventLog(bus), 'session', stampEvent),
    registry: async ({ startTimeoutMs = 2000 } = {}) => {
      const own = await broker.connect('lane-registry')
      const connection = connectStore({ url: redis.url })
      const store = new SnapshotStore(connection)
      const log = new EventLog(own)
      const projector = new LaneProjector(own, log, store, logger)
      const reader = new LaneQueries(own, log, store, projector)
      const ending = new AbortController()
      const run = projector.run(ending.signal)
      const sessions = new SessionClient(own, startTimeoutMs)
      const threads = new ThreadService({ bus: own, projector, sessions, timeoutMs: startTimeoutMs ?? 5000, unrestricted: false })
      const registry: Registry = {
        bus: own,
        store,
        projector,
        reader,
        workflow: new LaneService(log, reader, projector, sessions, logger),
        threads,
        survey: new RunnerSurvey({ bus: own, projector, threads }),
        stop: async () => {
          running.delete(registry)
          ending.abort()
          await run
          connection.disconnect()
          await own.nc.close()
        },
      }
      running.add(registry)
      await waitFor(() => projector.leading && store.ready)
      return registry
    },
    stop: async () => {
      await Promise.all([...running].map((registry) => registry.stop()))
      await Promise.all([broker.stop(), redis.stop()])
    },
  }
}

export const createLane = async (registry: Registry, laneId: string, body: Record<string, unknown> = {}) =>
  registry.workflow.create({ commandId: newCommandId(), body: { laneId, ...body } })

/** Appends one session event with the state it leads to. @returns its sequence */
export const say = async (
  rig: Rig,
  laneId: string,
  type: string,
  change: Partial<SessionState> = {},
  payload: Record<string, unknown> = {},
): Promise<number> => {
  const lane = (await rig.log.last(laneId, 'lane'))?.state
  const { event } = await rig.sessions.transact(laneId, ({ state: before }) => {
    const state = { ...(before ?? sessionState({ phase: 'none' })), laneId, incarnation: lane?.incarnation ?? '', ...change }
    const draft = { type, laneId, threadId: null, sessionId: laneId, payload: sampleEvent(type, payload).payload, state }
    return draft as Draft<'session'>
  })
  return event?.seq ?? 0
}

/** A whole turn, from the claim to its end. @returns the sequence of the end */
export const runTurn = async (rig: Rig, laneId: string, status = 'completed'): Promise<number> => {
  await say(rig, laneId, 'lane.session.claimed', { phase: 'claimed' }, { purpose: 'start' })
  await say(rig, laneId, 'lane.session.started', { phase: 'live', threadId: `thread-${laneId}` })
  await say(rig, laneId, 'lane.turn.requested', { activeTurn: activeTurn() })
  return say(rig, laneId, 'lane.turn.completed', { activeTurn: null }, { status, verification: 'none', finalMessage: 'done' })
}

export const eventsOf = async (rig: Rig, laneId: string, aggregate?: 'lane' | 'session'): Promise<EventEnvelope[]> => {
  const { lastSeq } = await rig.log.extent()
  const filter = aggregate ? subjects.event(laneId, aggregate) : subjects.laneEvents(laneId)
  const events: EventEnvelope[] = []
  for await (const raw of readRange(rig.bus, { from: 1, to: lastSeq, filter })) {
    const { event } = decodeEnvelope(raw.bytes, raw.seq)
    if (event) events.push(event)
  }
  return events
}
