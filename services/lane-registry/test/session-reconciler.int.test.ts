import { AggregateStore, LeaseTable, serve } from '@codex-bridge/bus'
import { type LaneState, type ReconcileBody, type RequestOf, Runners, type SessionReply, type SessionState } from '@codex-bridge/contracts'
import { ownIdentity } from '@codex-bridge/platform'
import { createLogger, stampEvent } from '@codex-bridge/service-kit'
import { waitFor } from '@codex-bridge/testkit'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { SessionClient } from '../src/sessions/session-client.ts'
import { SessionReconciler } from '../src/sessions/session-reconciler.ts'
import { createLane, type Registry, type Rig, say, startRig } from './registry-fixture.ts'

let rig: Rig
let registry: Registry
let reconciler: SessionReconciler
let round = 0
let idle = ''
let abandoned = ''

beforeAll(async () => {
  rig = await startRig()
  registry = await rig.registry()
  const { bus, projection, lifecycle } = registry
  const sessions = new SessionClient(bus, 1000)
  const leases = await LeaseTable.open(bus, { ...ownIdentity(), id: 'test', instance: 'test' }, () => false)
  reconciler = new SessionReconciler({
    projection,
    leases,
    sessions,
    lifecycle,
    logger: createLogger('test', 'test', 'silent'),
    intervalMs: 60_000,
  })
})
afterAll(() => rig.stop())

/** One lane that shows `running` without ever having had a session, and one whose session's owner is gone. */
beforeEach(async () => {
  round += 1
  idle = `idle-${round}`
  abandoned = `abandoned-${round}`
  await createLane(registry, idle)
  const lanes = new AggregateStore(rig.log, 'lane', stampEvent)
  const reason = { code: 'turn', message: 'A turn is running' }
  await lanes.transact(idle, ({ state }) => ({
    type: 'lane.status.changed',
    laneId: idle,
    threadId: null,
    sessionId: null,
    payload: { from: 'idle', to: 'running', reason, cause: null },
    state: { ...(state as LaneState), status: 'running', statusReason: reason },
  }))
  await createLane(registry, abandoned)
  await say(rig, abandoned, 'lane.session.claimed', { phase: 'claimed' }, { purpose: 'start' })
  const seq = await say(rig, abandoned, 'lane.session.started', { phase: 'live', threadId: 'thread-1' })
  await waitFor(() => registry.projection.processed >= seq)
})

const reconcile = async (body: ReconcileBody) => {
  const asked: string[] = []
  // Acts as a runner: records the loss, as a runner does before it resumes.
  const recover = async ({ lane: { laneId } }: RequestOf<typeof Runners.recover>): Promise<SessionReply> => {
    asked.push(laneId)
    const seq = await say(rig, laneId, 'lane.session.lost', { phase: 'lost' }, { reason: 'runner_gone', message: 'gone' })
    const { state } = await rig.sessions.load(laneId)
    return { session: state as SessionState, thread: null, seq }
  }
  const runner = await serve(rig.bus, { name: 'session-runner', version: '0.1.0' }, Runners, { recover })
  const result = await reconciler.reconcileNow(body)
  await runner.stop()
  return { ...result, asked }
}

it('does both by default', async () => {
  expect(await reconcile({})).toMatchObject({ clearedLanes: [idle], recoveredSessions: [abandoned], asked: [abandoned] })
  expect((await registry.queries.lane(idle, (await rig.log.extent()).lastSeq)).status).toBe('idle')
  expect(await reconcile({})).toMatchObject({ clearedLanes: [], recoveredSessions: [] })
})

it('clears lanes only', async () => {
  expect(await reconcile({ clearOrphanedActiveTurns: false })).toMatchObject({ clearedLanes: [idle], recoveredSessions: [], asked: [] })
  await reconcile({})
})

it('recovers sessions only', async () => {
  const only = await reconcile({ clearSyntheticRunningLanes: false })
  expect(only).toMatchObject({ clearedLanes: [], recoveredSessions: [abandoned], asked: [abandoned] })
  expect((await registry.queries.lane(idle)).status).toBe('running')
  await reconcile({})
})

it('does nothing when told to do neither', async () => {
  const neither = await reconcile({ clearSyntheticRunningLanes: false, clearOrphanedActiveTurns: false })
  expect(neither).toMatchObject({ clearedLanes: [], recoveredSessions: [], asked: [] })
})
