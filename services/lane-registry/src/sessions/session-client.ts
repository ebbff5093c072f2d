import { setTimeout as sleep } from 'node:timers/promises'
import { ASK_AGAIN_MS, type Bus, NoRespondersError, requestJson } from '@codex-bridge/bus'
import {
  BridgeError,
  type LaneState,
  type RegistryRequest,
  type RunnerRequest,
  type RunnerVerb,
  type SessionReply,
  type SessionVerb,
  type SkippedTurn,
  subjects,
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
    return await this.#ask<SessionReply>(laneId, 'status', {}, PING_MS)
  }

  /** The first prompt of a workflow: dropped, with an event, while the thread is not ready. @returns undefined when nobody holds the lane */
  async kickOff(laneId: string, commandId: string, input: string, timeoutMs: number): Promise<TurnReceipt | SkippedTurn | undefined> {
    return await this.#ask<TurnReceipt | SkippedTurn>(laneId, 'prompt', { commandId, body: { input }, orSkip: true }, timeoutMs)
  }

  /**
   * The contract's turn routes on a thread that a lane holds. A start that names the running turn adds to it, as Codex does.
   * @returns undefined when nobody holds the lane
   * @throws BridgeError `turn_active`, `turn_mismatch`, `no_active_turn`, or what else the session answers
   */
  async turn(laneId: string, request: RegistryRequest<'turn-on-thread'>): Promise<TurnReceipt | undefined> {
    const { commandId, action, input, turnId, expectedTurnId, options } = request
    const ask = (verb: SessionVerb, body: unknown) =>
      this.#ask<TurnReceipt>(laneId, verb, { commandId, body, ...(verb !== 'interrupt' && options && { options }) }, this.#startTimeoutMs)
    const expected = expectedTurnId ?? turnId
    if (action === 'interrupt') return await ask('interrupt', expected === undefined ? {} : { turnId: expected })
    if (action === 'start' && expectedTurnId === undefined) return await ask('prompt', { input })
    try {
      return await ask('steer', { input, ...(expected !== undefined && { expectedTurnId: expected }) })
    } catch (error) {
      if (action === 'steer' || !(error instanceof BridgeError) || error.code !== 'no_active_turn') throw error
      throw new BridgeError('turn_mismatch', undefined, { details: { expectedTurnId, activeTurnId: null } })
    }
  }

  /** @returns undefined when nobody holds the lane */
  async stop(laneId: string, commandId: string): Promise<SessionReply | undefined> {
    return await this.#ask<SessionReply>(laneId, 'stop', { commandId }, this.#startTimeoutMs)
  }

  /** Gives the lane to a runner. @throws BridgeError `no_runner`, or why the session could not start */
  async claim(lane: LaneState, commandId: string): Promise<SessionReply> {
    return await this.#runner<SessionReply>('claim', { commandId, lane }, RUNNER_PATIENCE_MS)
  }

  /** As claim, for a session whose owner is gone. @throws BridgeError */
  async recover(lane: LaneState, commandId: string, patienceMs = RUNNER_PATIENCE_MS): Promise<SessionReply> {
    return await this.#runner<SessionReply>('recover', { commandId, lane }, patienceMs)
  }

  /** @throws BridgeError `worktree_blocked`, `validation_error`, `no_runner` */
  async planWorktree(request: RunnerRequest<'plan-worktree'>): Promise<WorktreePlan> {
    return await this.#runner<WorktreePlan>('plan-worktree', request, RUNNER_PATIENCE_MS)
  }

  /** @throws BridgeError `worktree_blocked`, `no_runner` */
  async createWorktree(request: RunnerRequest<'create-worktree'>): Promise<WorktreePlan> {
    return await this.#runner<WorktreePlan>('create-worktree', request, RUNNER_PATIENCE_MS)
  }

  /** @throws BridgeError `no_runner` */
  async removeWorktree(request: RunnerRequest<'remove-worktree'>): Promise<WorktreeOutcome> {
    return await this.#runner<WorktreeOutcome>('remove-worktree', request, RUNNER_PATIENCE_MS)
  }

  async #ask<T>(laneId: string, verb: SessionVerb, body: unknown, timeoutMs: number): Promise<T | undefined> {
    try {
      return await requestJson<T>(this.#bus, subjects.session(laneId, verb), body, timeoutMs, ASK_AGAIN_MS)
    } catch (error) {
      if (error instanceof NoRespondersError) return
      throw error
    }
  }

  async #runner<T>(verb: RunnerVerb, request: unknown, patienceMs: number): Promise<T> {
    for (const deadline = Date.now() + patienceMs; ; await sleep(RUNNER_RETRY_MS)) {
      try {
        return await requestJson<T>(this.#bus, subjects.command('runner', verb), request, this.#startTimeoutMs, ASK_AGAIN_MS)
      } catch (error) {
        // A runner that is full answers so; which one is asked is chance, and another may have room.
        const isFull = error instanceof BridgeError && error.code === 'no_runner'
        if (!(isFull || error instanceof NoRespondersError)) throw error
        if (Date.now() >= deadline) throw isFull ? error : new BridgeError('no_runner', 'No session-runner is there to take the lane')
      }
    }
  }
}
