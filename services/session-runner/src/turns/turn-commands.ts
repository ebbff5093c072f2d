import type { AppServerProcess, TurnStartParams, TurnSteerParams } from '@codex-bridge/codex-client'
import {
  BridgeError,
  type CommandRecord,
  type RequestOf,
  type SessionState,
  type Sessions,
  type SkippedTurn,
  type TurnReceipt,
} from '@codex-bridge/contracts'
import { fingerprint } from '@codex-bridge/service-kit'
import { turnSkipped } from '../sessions/readiness-decider.ts'
import { SerialQueue } from '../sessions/serial-queue.ts'
import { type TurnEnd, turnCompleted, turnRequested, turnStarted, turnSteered } from '../sessions/session-decider.ts'
import type { SessionStore } from '../sessions/session-store.ts'
import { workingSubAgents } from '../sub-agents/sub-agent-decider.ts'
import { isUnloaded } from '../threads/detached-threads.ts'
import { codexError, OFFERS } from '../threads/thread-loader.ts'
import type { Ending, TurnInterrupter } from './turn-interrupter.ts'

export type TurnCommandOptions = {
  record: SessionStore
  server: AppServerProcess
  rpcTimeoutMs: number
  now: () => string
  /** A turn is about to begin. */
  onRequested: () => void
  ender: TurnInterrupter
  /** Breaks off the verification commands. */
  endVerification: () => void
  /** Loads the thread again. @throws BridgeError `readiness_blocked` */
  reload: () => Promise<void>
}

/** How long a steer waits for Codex to name the turn that was just requested, in milliseconds. */
const NAMING_PATIENCE_MS = 5000
const NAMING_POLL_MS = 10

const isBusy = (state: SessionState): boolean => state.activeTurn !== null || state.verifying !== null

/** Prompt, steer and interrupt on a live session. A command id that was carried out before gets its first answer again. */
export class TurnCommands {
  readonly #options: TurnCommandOptions
  readonly #serial = new SerialQueue()

  constructor(options: TurnCommandOptions) {
    this.#options = options
  }

  /**
   * Starts a turn. The intent is stored before Codex hears of it, so a crash in between shows as an interrupted turn and is
   * never repeated by a retry.
   * @throws BridgeError `turn_active`, `readiness_blocked`, `codex_error`, `codex_timeout`, `codex_unavailable`
   */
  prompt({ commandId, body, orSkip, options }: RequestOf<typeof Sessions.prompt>): Promise<TurnReceipt | SkippedTurn> {
    return this.#serial.run(async () => {
      const mark = fingerprint('prompt', options ? { ...body, options } : body)
      const known = this.#knownPrompt(commandId, mark)
      if (known) return known
      const { record, now, onRequested } = this.#options
      // The end of the last turn may be on its way to the log: a client that saw it must not be told that it is active.
      if (isBusy(record.state)) await record.settled()
      expectTurn(record.state.activeTurn?.turnId ?? null, body.expectedTurnId)
      this.#refuseBusy()
      const remembered: CommandRecord = { commandId, fingerprint: mark, verb: 'prompt', answer: {} }
      if (record.state.readinessDeferred) return await this.#notReady(body.input, remembered, orSkip === true)
      const requested = await record.append((state) => (isBusy(state) ? undefined : turnRequested(state, body.input, remembered, now())))
      if (!requested) throw new BridgeError('turn_active')
      onRequested()
      const turnId = await this.#start(commandId, body.input, options)
      // Usually the notification has named it by now; else this does, so that whoever reads after the answer sees the turn.
      await record.append((state) => (state.activeTurn?.commandId === commandId ? turnStarted(state, turnId, now()) : undefined))
      return this.#receipt('prompt', 'inProgress', commandId, turnId, record.seq)
    })
  }

  /**
   * Adds input to the active turn. Told to Codex first and stored after: if the process dies in between, the turn died with
   * it and the retry finds none, so it cannot land twice.
   * @throws BridgeError `no_active_turn`, `turn_mismatch`, `codex_error`
   */
  steer({ commandId, body, options }: RequestOf<typeof Sessions.steer>): Promise<TurnReceipt> {
    return this.#serial.run(async () => {
      const mark = fingerprint('steer', options ? { ...body, options } : body)
      const known = this.#known(commandId, mark)
      if (known) return known
      const { record } = this.#options
      const turnId = await this.#namedTurn()
      expectTurn(turnId, body.expectedTurnId)
      const { threadId } = record.state
      const params = { ...options, threadId, expectedTurnId: turnId, input: [textInput(body.input)] } as TurnSteerParams
      await this.#tell(params)
      const remembered: CommandRecord = { commandId, fingerprint: mark, verb: 'steer', answer: { turnId } }
      const steered = await record.append((state) => turnSteered(state, body.input, remembered))
      return this.#receipt('steer', 'steered', commandId, turnId, steered?.seq ?? record.seq)
    })
  }

  /**
   * Interrupts the active turn with everything below it, or the verification of the last one, or sub-agents that outlived their
   * turn. The id of a sub-agent's turn ends that one alone. Does not wait behind a prompt: a turn that is just starting is
   * interrupted too. The completion event tells when it is over.
   * @throws BridgeError `no_active_turn`, `turn_mismatch`, `codex_error`
   */
  async interrupt({ commandId, body }: RequestOf<typeof Sessions.interrupt>): Promise<TurnReceipt> {
    const mark = fingerprint('interrupt', body)
    const known = this.#known(commandId, mark)
    if (known) return known
    const { record, ender, endVerification } = this.#options
    if (!record.state.activeTurn) await record.settled()
    const { activeTurn, verifying } = record.state
    const turn = activeTurn ?? verifying
    const turnId = body.turnId ?? turn?.turnId ?? null
    const working = workingSubAgents(record.state)
    const named = working.filter((agent) => agent.turnId === body.turnId)
    const why: Ending = { cause: 'operator', record: { commandId, fingerprint: mark, verb: 'interrupt', answer: { turnId } } }
    if (named.length > 0) await ender.endSubAgents(named, why)
    else {
      if (!turn && working.length === 0) throw new BridgeError('no_active_turn')
      expectTurn(turn?.turnId ?? null, body.turnId)
      if (activeTurn) await ender.end(why)
      else if (verifying) {
        ender.announce(why)
        endVerification()
      } else await ender.endSubAgents(working, why)
    }
    return this.#receipt('interrupt', 'interrupting', commandId, turnId, record.seq)
  }

  async #start(commandId: string, input: string, options: RequestOf<typeof Sessions.prompt>['options']): Promise<string> {
    const { record, server, rpcTimeoutMs, reload } = this.#options
    const params = {
      ...options,
      threadId: record.state.threadId,
      input: [textInput(input)],
      clientUserMessageId: commandId,
    } as TurnStartParams
    const ask = () => server.peer.call('turn/start', params, { timeoutMs: rpcTimeoutMs })
    try {
      const started = await ask().catch(async (error: unknown) => {
        // Archiving takes the thread out of the process, and bringing it back does not load it.
        if (!isUnloaded(error)) throw error
        await reload()
        return await ask()
      })
      return started.turn.id
    } catch (cause) {
      const error = codexError(cause)
      // A refusal ends the turn here. Silence or a lost process does not: the turn may run, and its end comes as an event.
      if (error.code === 'codex_error' || error.code === 'readiness_blocked') {
        const { reason } = (error.details ?? {}) as { reason?: unknown }
        const end: TurnEnd = {
          status: 'failed',
          cause: 'refused',
          error: { code: typeof reason === 'string' ? reason : 'turn_refused', message: error.message },
          finalMessage: null,
          usage: null,
          verify: false,
        }
        await record.append((state) => (state.activeTurn?.commandId === commandId ? turnCompleted(state, end) : undefined))
      }
      throw error
    }
  }

  /** Steers. Older versions know of no turn for a moment after its start: as long as it has not ended they are asked again. */
  async #tell(params: TurnSteerParams): Promise<void> {
    const { record, server, rpcTimeoutMs } = this.#options
    for (const deadline = Date.now() + NAMING_PATIENCE_MS; ; await new Promise((resolve) => setTimeout(resolve, NAMING_POLL_MS))) {
      try {
        await server.peer.call('turn/steer', params, { timeoutMs: rpcTimeoutMs })
        return
      } catch (error) {
        const refusal = steerError(error)
        const runs = record.state.activeTurn?.turnId === params.expectedTurnId
        if (refusal.code !== 'no_active_turn' || !runs || Date.now() > deadline) throw refusal
      }
    }
  }

  async #namedTurn(): Promise<string> {
    const { record } = this.#options
    const deadline = Date.now() + NAMING_PATIENCE_MS
    for (;;) {
      const turn = record.state.activeTurn
      if (turn?.turnId) return turn.turnId
      if (!turn || Date.now() > deadline) throw new BridgeError('no_active_turn')
      await new Promise((resolve) => setTimeout(resolve, NAMING_POLL_MS))
    }
  }

  async #notReady(input: string, remembered: CommandRecord, skip: boolean): Promise<SkippedTurn> {
    const { record } = this.#options
    const { readinessReason: reason, threadId } = record.state
    if (!skip) throw notReady(reason, threadId)
    const skipped = await record.append((state) => turnSkipped(state, input, { ...remembered, answer: { skipped: true, reason } }))
    return { skipped: true, reason, seq: skipped?.seq ?? record.seq }
  }

  #refuseBusy(): void {
    const { activeTurn, verifying } = this.#options.record.state
    if (activeTurn) throw new BridgeError('turn_active', undefined, { details: { turnId: activeTurn.turnId } })
    if (verifying) throw new BridgeError('turn_active', 'The verification commands are running', { details: { verifying } })
  }

  /** The answer to a command that was carried out before. @throws BridgeError `idempotency_key_reused` */
  #known(commandId: string, mark: string): TurnReceipt | undefined {
    const known = this.#recorded(commandId, mark)
    if (!known) return
    const { record } = this.#options
    const turnId = typeof known.answer['turnId'] === 'string' ? known.answer['turnId'] : null
    const action = known.verb as TurnReceipt['action']
    const status = ({ prompt: 'inProgress', steer: 'steered', interrupt: 'interrupting' } as const)[action]
    return this.#receipt(action, status, commandId, turnId, record.seq)
  }

  #recorded(commandId: string, mark: string): CommandRecord | undefined {
    const known = this.#options.record.state.commands.find((command) => command.commandId === commandId)
    if (known && known.fingerprint !== mark) throw new BridgeError('idempotency_key_reused')
    return known
  }

  /** As known, for a prompt, which may have been dropped. */
  #knownPrompt(commandId: string, mark: string): TurnReceipt | SkippedTurn | undefined {
    const answer = this.#recorded(commandId, mark)?.answer
    if (answer?.['skipped'] !== true) return this.#known(commandId, mark)
    return { skipped: true, reason: typeof answer['reason'] === 'string' ? answer['reason'] : null, seq: this.#options.record.seq }
  }

  #receipt(
    action: TurnReceipt['action'],
    status: TurnReceipt['status'],
    commandId: string,
    turnId: string | null,
    seq: number,
  ): TurnReceipt {
    const { laneId, threadId } = this.#options.record.state
    return { laneId, sessionId: laneId, threadId, turnId, action, status, commandId, seq }
  }
}

const notReady = (reason: string | null, threadId: string | null): BridgeError => {
  const offers = OFFERS[reason as keyof typeof OFFERS] ?? []
  return new BridgeError('readiness_blocked', 'The thread is not ready; the bridge keeps trying', { details: { reason, threadId, offers } })
}

const textInput = (text: string) => ({ type: 'text', text, text_elements: [] })

const expectTurn = (actual: string | null, expected: string | undefined): void => {
  if (expected !== undefined && actual !== expected) {
    throw new BridgeError('turn_mismatch', undefined, { details: { expectedTurnId: expected, activeTurnId: actual } })
  }
}

const steerError = (error: unknown): BridgeError => {
  const message = (error as Error).message
  if (/no active turn/i.test(message)) return new BridgeError('no_active_turn')
  if (/expected active turn/i.test(message)) return new BridgeError('turn_mismatch', message)
  return codexError(error)
}
