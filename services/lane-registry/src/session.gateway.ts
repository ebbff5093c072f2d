import { type Bus, NoRespondersError, requestJson } from '@codex-bridge/bus'
import {
  BridgeError,
  type LaneState,
  type RegistryRequest,
  type SessionReply,
  type SessionVerb,
  subjects,
  type TurnReceipt,
} from '@codex-bridge/contracts'

/** How long a live session may take to say that it is there, in milliseconds. */
const PING_MS = 1500

/** Talks to session-runners: to whoever holds a lane, or to any that can take it. */
export class SessionGateway {
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

  /** @returns undefined when nobody holds the lane */
  async prompt(laneId: string, commandId: string, input: string, timeoutMs: number): Promise<TurnReceipt | undefined> {
    return await this.#ask<TurnReceipt>(laneId, 'prompt', { commandId, body: { input } }, timeoutMs)
  }

  /** The contract's turn routes on a thread that a lane holds. @returns undefined when nobody holds the lane */
  async turn(laneId: string, request: RegistryRequest<'turn-on-thread'>): Promise<TurnReceipt | undefined> {
    const { commandId, action, input, turnId, expectedTurnId } = request
    const body =
      action === 'interrupt'
        ? { ...(turnId !== undefined && { turnId }) }
        : { input, ...(expectedTurnId !== undefined && { expectedTurnId }) }
    return await this.#ask<TurnReceipt>(laneId, action === 'start' ? 'prompt' : action, { commandId, body }, this.#startTimeoutMs)
  }

  /** @returns undefined when nobody holds the lane */
  async stop(laneId: string, commandId: string): Promise<SessionReply | undefined> {
    return await this.#ask<SessionReply>(laneId, 'stop', { commandId }, this.#startTimeoutMs)
  }

  /** Gives the lane to a runner. @throws BridgeError `no_runner`, or why the session could not start */
  async claim(lane: LaneState, commandId: string): Promise<SessionReply> {
    return await this.#runner('claim', lane, commandId)
  }

  /** As claim, for a session whose owner is gone. @throws BridgeError */
  async recover(lane: LaneState, commandId: string): Promise<SessionReply> {
    return await this.#runner('recover', lane, commandId)
  }

  async #ask<T>(laneId: string, verb: SessionVerb, body: unknown, timeoutMs: number): Promise<T | undefined> {
    try {
      return await requestJson<T>(this.#bus, subjects.session(laneId, verb), body, timeoutMs)
    } catch (error) {
      if (error instanceof NoRespondersError) return
      throw error
    }
  }

  async #runner(verb: 'claim' | 'recover', lane: LaneState, commandId: string): Promise<SessionReply> {
    try {
      return await requestJson<SessionReply>(this.#bus, subjects.command('runner', verb), { commandId, lane }, this.#startTimeoutMs)
    } catch (error) {
      if (error instanceof NoRespondersError) throw new BridgeError('no_runner', 'No session-runner is there to take the lane')
      throw error
    }
  }
}
