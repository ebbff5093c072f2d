import { AggregateStore, type EventLog } from '@codex-bridge/bus'
import { BridgeError, type LaneState, type SessionReply, type StatusReason } from '@codex-bridge/contracts'
import { SingleFlight } from '@codex-bridge/platform'
import { type Logger, stampEvent, stepId } from '@codex-bridge/service-kit'
import { decideCorrection } from '../lanes/lane-decider.ts'
import type { LaneQueries } from '../lanes/lane-queries.ts'
import { isLive } from '../lanes/lane-view.ts'
import type { LaneWorktrees } from '../lanes/lane-worktrees.ts'
import type { SessionClient } from './session-client.ts'

const now = (): string => new Date().toISOString()

export type SessionLifecycleOptions = {
  log: EventLog
  queries: LaneQueries
  worktrees: LaneWorktrees
  sessions: SessionClient
  logger: Logger
}

/** Starts, stops and recovers the sessions of lanes. */
export class SessionLifecycle {
  readonly #lanes: AggregateStore<'lane'>
  readonly #queries: LaneQueries
  readonly #worktrees: LaneWorktrees
  readonly #sessions: SessionClient
  readonly #logger: Logger
  /** Two commands for one lane share one start. */
  readonly #starting = new SingleFlight<string, SessionReply>()

  constructor({ log, queries, worktrees, sessions, logger }: SessionLifecycleOptions) {
    this.#lanes = new AggregateStore(log, 'lane', stampEvent)
    this.#queries = queries
    this.#worktrees = worktrees
    this.#sessions = sessions
    this.#logger = logger
  }

  /** Records that a session's owner is gone, and resumes by policy. Used by the reconciler. */
  async recover(lane: LaneState): Promise<void> {
    // The reconciler tries again soon, so this does not wait for a runner.
    await this.#starting.run(lane.laneId, () => this.#sessions.recover(lane, `recover:${lane.incarnation}:${Date.now()}`, 0))
  }

  /** Corrects a status without a session event. */
  async correct(laneId: string, status: 'idle' | 'blocked' | 'interrupted', reason: StatusReason): Promise<void> {
    await this.#lanes.transact(laneId, (version) => decideCorrection(version, status, reason, now()))
  }

  /** Brings the lane's session up: returns the live one, claims a runner, or recovers a session whose owner is gone. */
  async start(lane: LaneState, commandId: string): Promise<SessionReply> {
    return await this.#starting.run(lane.laneId, async () => {
      const live = await this.#sessions.status(lane.laneId)
      if (live) return live
      const { session } = await this.#queries.aggregates(lane.laneId)
      const ownerGone = session?.incarnation === lane.incarnation && (isLive(session) || session.phase === 'lost')
      try {
        const { lane: ready } = await this.#worktrees.ensure(lane, commandId)
        // A runner whose policy is not to resume only records the loss, but a start was asked for.
        const recovered = ownerGone ? await this.#sessions.recover(lane, commandId) : undefined
        return recovered?.session.phase === 'live' ? recovered : await this.#sessions.claim(ready, commandId)
      } catch (error) {
        if (error instanceof BridgeError && error.code === 'no_runner') {
          await this.correct(lane.laneId, 'blocked', { code: 'no_runner', message: error.message })
        }
        await this.shown(lane.laneId)
        throw error
      }
    })
  }

  /** Waits until reads show what the log has of a lane: a client that is refused may read the reason at once. */
  async shown(laneId: string): Promise<void> {
    try {
      await this.#queries.lane(laneId, (await this.#queries.aggregates(laneId)).seq)
    } catch (error) {
      this.#logger.warn({ laneId, err: error }, 'refused before the reason can be read')
    }
  }

  /** Stops the lane's session, if it has one. @returns the sequence of the lane's last event */
  async stop(lane: LaneState, commandId: string): Promise<number> {
    const stopped = await this.#sessions.stop(lane.laneId, commandId)
    if (stopped) return stopped.seq
    const { session, seq } = await this.#queries.aggregates(lane.laneId)
    if (session?.incarnation !== lane.incarnation || !isLive(session)) return seq
    // The owner is gone and the log does not say so yet: record the loss, then stop what the recovery may have resumed.
    this.#logger.warn({ laneId: lane.laneId }, 'stop of a session whose owner is gone')
    const recovered = await this.#starting.run(lane.laneId, () => this.#sessions.recover(lane, stepId(commandId, 'recover')))
    return (await this.#sessions.stop(lane.laneId, commandId))?.seq ?? recovered.seq
  }
}
