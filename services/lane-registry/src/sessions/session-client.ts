import { setTimeout as sleep } from 'node:timers/promises'
import { type Bus, NoRespondersError, RESEND_MS } from '@codex-bridge/bus'
import {
  BridgeError,
  type LaneState,
  type LaneVerb,
  type Registry,
  type ReplyOf,
  type RequestOf,
  Runners,
  type ServiceVerb,
  type SessionReply,
  Sessions,
  type SkippedTurn,
  type TurnReceipt,
  type WorktreeOutcome,
  type WorktreePlan,
} from '@codex-bridge/contracts'

/** How long a live session may take to say that it is there, in milliseconds. */
const PING_MS = 1500

/** How long a command waits for a runner that is being started again, and how often it looks, in milliseconds. */
const RUNNER_PATIENCE_MS = 6000
const RUNNER_RETRY_MS = 200

/** Talks to session-runners: to whoever holds a lane, or to any that can take it. */
export class SessionClient {
  readonly #bus: Bus
  readonly #startTimeoutMs: number

  constructor(bus: Bus, startTimeoutMs: number) {
    this.#bus = bus
    this.#startTimeoutMs = startTimeoutMs
  }

  /** The session as its holder knows it; undefined when nobody holds the lane. */
  async status(laneId: string): Promise<SessionReply | undefined> {
    return await this.#ask(laneId, Sessions.status, {}, PING_MS)
  }

  /** The first prompt of a workflow: dropped, with an event, while the thread is not ready. @returns undefined when nobody holds the lane */
  async kickOff(laneId: string, commandId: string, input: string, timeoutMs: number): Promise<TurnReceipt | SkippedTurn | undefined> {
    return await this.#ask(laneId, Sessions.prompt, { commandId, body: { input }, orSkip: true }, timeoutMs)
  }

  /**
   * The contract's turn routes on a thread that a lane holds. A start that names the running turn adds to it, as Codex does.
   * @returns undefined when nobody holds the lane
   * @throws BridgeError `turn_active`, `turn_mismatch`, `no_active_turn`, or what else the session answers
   */
  async turn(laneId: string, request: RequestOf<typeof Registry.turnOnThread>): Promise<TurnReceipt | undefined> {
    const { commandId, action, input = '', turnId, expectedTurnId, options } = request
    const expected = expectedTurnId ?? turnId
    const timeoutMs = this.#startTimeoutMs
    if (action === 'interrupt') {
      const body = expected === undefined ? {} : { turnId: expected }
      return await this.#ask(laneId, Sessions.interrupt, { commandId, body }, timeoutMs)
    }
    const common = { commandId, ...(options && { options }) }
    if (action === 'start' && expectedTurnId === undefined) {
      const reply = await this.#ask(laneId, Sessions.prompt, { ...common, body: { input } }, timeoutMs)
      // Only a prompt that says orSkip is ever skipped.
      return reply && 'skipped' in reply ? undefined : reply
    }
    try {
      const body = { input, ...(expected !== undefined && { expectedTurnId: expected }) }
      return await this.#ask(laneId, Sessions.steer, { ...common, body }, timeoutMs)
    } catch (error) {
      if (action === 'steer' || !(error instanceof BridgeError) || error.code !== 'no_active_turn') throw error
      throw new BridgeError('turn_mismatch', undefined, { details: { expectedTurnId, activeTurnId: null } })
    }
  }

  /** @returns undefined when nobody holds the lane */
  async stop(laneId: string, commandId: string): Promise<SessionReply | undefined> {
    return await this.#ask(laneId, Sessions.stop, { commandId }, this.#startTimeoutMs)
  }

  /** Gives the lane to a runner. @throws BridgeError `no_runner`, or why the session could not start */
  async claim(lane: LaneState, commandId: string): Promise<SessionReply> {
    return await this.#runner(Runners.claim, { commandId, lane }, RUNNER_PATIENCE_MS)
  }

  /** As claim, for a session whose owner is gone. @throws BridgeError */
  async recover(lane: LaneState, commandId: string, patienceMs = RUNNER_PATIENCE_MS): Promise<SessionReply> {
    return await this.#runner(Runners.recover, { commandId, lane }, patienceMs)
  }

  /** @throws BridgeError `worktree_blocked`, `validation_error`, `no_runner` */
  async planWorktree(request: RequestOf<typeof Runners.planWorktree>): Promise<WorktreePlan> {
    return await this.#runner(Runners.planWorktree, request, RUNNER_PATIENCE_MS)
  }

  /** @throws BridgeError `worktree_blocked`, `no_runner` */
  async createWorktree(request: RequestOf<typeof Runners.createWorktree>): Promise<WorktreePlan> {
    return await this.#runner(Runners.createWorktree, request, RUNNER_PATIENCE_MS)
  }

  /** @throws BridgeError `no_runner` */
  async removeWorktree(request: RequestOf<typeof Runners.removeWorktree>): Promise<WorktreeOutcome> {
    return await this.#runner(Runners.removeWorktree, request, RUNNER_PATIENCE_MS)
  }

  async #ask<V extends LaneVerb>(laneId: string, verb: V, request: RequestOf<V>, timeoutMs: number): Promise<ReplyOf<V> | undefined> {
    try {
      return await this.#bus.call(verb, request, { laneId, timeoutMs, resendMs: RESEND_MS })
    } catch (error) {
      if (error instanceof NoRespondersError) return
      throw error
    }
  }

  async #runner<V extends ServiceVerb>(verb: V, request: RequestOf<V>, patienceMs: number): Promise<ReplyOf<V>> {
    for (const deadline = Date.now() + patienceMs; ; await sleep(RUNNER_RETRY_MS)) {
      try {
        return await this.#bus.call(verb, request, { timeoutMs: this.#startTimeoutMs, resendMs: RESEND_MS })
      } catch (error) {
        // Which runner of the group is asked is chance: when that one is full, another may have room.
        const isFull = error instanceof BridgeError && error.code === 'no_runner'
        if (!(isFull || error instanceof NoRespondersError)) throw error
        if (Date.now() >= deadline) throw isFull ? error : new BridgeError('no_runner', 'No session-runner is there to take the lane')
      }
    }
  }
}
