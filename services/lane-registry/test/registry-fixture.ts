import { AggregateStore, type Bus, Checkpoint, decodeEnvelope, EventLog, JsonBucket, reactorLag, readRange } from '@codex-bridge/bus'
import { startBroker } from '@codex-bridge/bus/testing'
import { BUCKETS, CHECKPOINTS, type Draft, type EventEnvelope, type SessionState, subjects } from '@codex-bridge/contracts'
import { createLogger, newCommandId, stampEvent } from '@codex-bridge/service-kit'
import { connectStore, SnapshotStore } from '@codex-bridge/store'
import { type NatsServer, type RedisServer, sampleEvent, startRedis, waitFor } from '@codex-bridge/testkit'
import { LaneQueries } from '../src/lanes/lane-queries.ts'
import { LaneService } from '../src/lanes/lane-service.ts'
import { LaneTakeover } from '../src/lanes/lane-takeover.ts'
import { LaneWorktrees } from '../src/lanes/lane-worktrees.ts'
import { announce } from '../src/leadership.ts'
import { LaneProjection, POLICY } from '../src/projection/lane-projection.ts'
import { RedisCopy } from '../src/projection/redis-copy.ts'
import { SessionClient } from '../src/sessions/session-client.ts'
import { SessionLifecycle } from '../src/sessions/session-lifecycle.ts'
import { StatusPolicy } from '../src/status/status-policy.ts'
import { ThreadCommands } from '../src/threads/thread-commands.ts'
import { ThreadService } from '../src/threads/thread-service.ts'
import { RunnerSurvey } from '../src/watch/runner-survey.ts'
import { activeTurn, sessionState } from './lane-samples.ts'

export const logger = createLogger('test', 'test', 'silent')

/** The parts of one registry over a server pair, its projection caught up. */
export type Registry = {
  bus: Bus
  store: SnapshotStore
  projection: LaneProjection
  copy: RedisCopy
  queries: LaneQueries
  lanes: LaneService
  takeover: LaneTakeover
  lifecycle: SessionLifecycle
  threads: ThreadService
  threadCommands: ThreadCommands
  survey: RunnerSurvey
  /** Resolves as a request that is sent now would arrive: behind what the server delivered to the registry before. */
  arrival(): Promise<void>
  stop(): Promise<void>
}

export type Rig = {
  nats: NatsServer
  redis: RedisServer
  bus: Bus
  log: EventLog
  /** The session aggregate, written as a runner would. */
  sessions: AggregateStore<'session'>
  /** Says for the services that are not here that they have handled everything, or for one of them how far it has come. */
  handled(service?: 'approvals' | 'webhooks', seq?: number): Promise<void>
  /** @param options.leads false: a registry that only answers */
  registry(options?: { startTimeoutMs?: number; leads?: boolean }): Promise<Registry>
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
    registry: async ({ startTimeoutMs = 2000, leads = true } = {}) => {
      const own = await broker.connect('lane-registry')
      const connection = connectStore({ url: redis.url })
      const store = new SnapshotStore(connection)
      const log = new EventLog(own)
      const projection = new LaneProjection({ bus: own, log, logger })
      const copy = new RedisCopy({ projection, log, store, logger })
      const queries = new LaneQueries({ bus: own, log, store, projection })
      const ending = new AbortController()
      const following = new AbortController()
      await projection.start(following.signal)
      const leading = leads && announce({ bus: own, policy: new StatusPolicy(log, projection), copy, logger }, ending.signal)
      const sessions = new SessionClient(own, startTimeoutMs)
      const threads = new ThreadService({ bus: own, projection, timeoutMs: startTimeoutMs })
      const survey = new RunnerSurvey({ bus: own, projection, threads })
      const worktrees = new LaneWorktrees({ log, projection, sessions })
      const lifecycle = new SessionLifecycle({ log, queries, worktrees, sessions, logger })
      const lanes = new LaneService({ log, queries, projection, worktrees, lifecycle })
      const registry: Registry = {
        bus: own,
        store,
        projection,
        copy,
        queries,
        lanes,
        takeover: new LaneTakeover({ log, queries, projection, lanes, lifecycle, sessions, threads, survey }),
        lifecycle,
        threads,
        threadCommands: new ThreadCommands({
          bus: own,
          threads,
          projection,
          sessions,
          logger,
          timeoutMs: startTimeoutMs,
          unrestricted: false,
        }),
        survey,
        arrival: async () => {
          await waitFor(() =>
            own.nc.flush().then(
              () => true,
              () => false,
            ),
          )
        },
        stop: async () => {
          running.delete(registry)
          ending.abort()
          await leading
          following.abort()
          connection.disconnect()
          await own.nc.close()
        },
      }
      running.add(registry)
      await waitFor(() => store.ready)
      return registry
    },
    handled: async (service, seq) => {
      const checkpoints = await JsonBucket.open(bus, BUCKETS.settings, Checkpoint)
      const { lastSeq } = await new EventLog(bus).extent()
      for (const name of service ? [service] : (['approvals', 'webhooks'] as const)) {
        await checkpoints.put(`checkpoint.${CHECKPOINTS[name]}`, { seq: seq ?? lastSeq })
      }
    },
    stop: async () => {
      await Promise.all([...running].map((registry) => registry.stop()))
      await Promise.all([broker.stop(), redis.stop()])
    },
  }
}

export const createLane = async (registry: Registry, laneId: string, body: Record<string, unknown> = {}) =>
  registry.lanes.create({ commandId: newCommandId(), body: { laneId, ...body } })

/** Waits until the leader has announced the status of everything stored up to now. */
export const announced = (rig: Rig): Promise<unknown> =>
  waitFor(async () => (await reactorLag(rig.bus, POLICY)) === 0, { timeoutMs: 15_000, describe: 'the status policy to catch up' })

/** Waits until every status is announced and Redis is known to equal the projection. */
export const copied = async (rig: Rig, registry: Registry): Promise<void> => {
  await announced(rig)
  const { lastSeq } = await rig.log.extent()
  await waitFor(async () => registry.copy.isIntact && ((await registry.store.checkpoint().catch(() => 0)) ?? 0) >= lastSeq, {
    timeoutMs: 15_000,
    describe: `Redis to show ${lastSeq}`,
  })
}

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
    const state = { ...(before ?? sessionState({ phase: 'none' })), laneId, incarnation: lane?.incarnation ?? 'evt_gone', ...change }
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

/** A whole turn in a session that is stopped afterwards. */
export const runSession = async (rig: Rig, laneId: string): Promise<number> => {
  await runTurn(rig, laneId)
  return await say(rig, laneId, 'lane.session.stopped', { phase: 'stopped' }, { cause: 'command', reason: null })
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
