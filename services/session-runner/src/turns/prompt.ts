import { codexErrorKind, isUnready, type TurnStartParams, UNREADY_OFFERS } from '@codex-bridge/codex-client'
import { BridgeError, type CommandRecord, type RequestOf, type Sessions, type SkippedTurn, type TurnReceipt } from '@codex-bridge/contracts'
import { fingerprint } from '@codex-bridge/service-kit'
import { codexError } from '../codex/codex-failures.ts'
import { turnSkipped } from '../sessions/readiness-decider.ts'
import type { SessionContext } from '../sessions/session-context.ts'
import { turnCompleted, turnRequested, turnStarted } from '../sessions/session-decider.ts'
import { reloadThread } from '../threads/thread-loader.ts'
import { expectTurn, isBusy, receipt, recordedCommand, repeatedReceipt, textInput } from './turn-commands.ts'

type Prompt = RequestOf<typeof Sessions.prompt>

/**
 * Starts a turn. The intent is stored before Codex is asked, so a crash in between shows as an interrupted turn, and a retry never
 * repeats it.
 * @throws BridgeError `turn_active`, `readiness_blocked`, `codex_error`, `codex_timeout`, `codex_unavailable`
 */
export const prompt = (context: SessionContext, request: Prompt): Promise<TurnReceipt | SkippedTurn> =>
  context.commands.run(() => startTurn(context, request))

const startTurn = async (context: SessionContext, request: Prompt): Promise<TurnReceipt | SkippedTurn> => {
  const { store, turn, watchdogs } = context
  const { commandId, body, options } = request
  const mark = fingerprint('prompt', options ? { ...body, options } : body)
  const known = recordedCommand(store.state, commandId, mark)
  if (known) return repeatedAnswer(context, known)
  // The end of the last turn may be on its way to the log: a client that saw it must not get `turn_active`.
  if (isBusy(store.state)) await store.settled()
  expectTurn(store.state.activeTurn?.turnId ?? null, body.expectedTurnId)
  refuseBusy(context)
  const command: CommandRecord = { commandId, fingerprint: mark, verb: 'prompt', answer: {} }
  if (store.state.readinessDeferred) return await skipOrRefuse(context, request, command)
  const requested = await store.append((state) => (isBusy(state) ? undefined : turnRequested(state, body.input, command, context.now)))
  if (!requested) throw new BridgeError('turn_active')
  turn.ending = undefined
  if (context.thread) watchdogs.begin(context.thread.id)
  const turnId = await askCodex(context, request)
  // Usually the notification has named the turn by now. If not, this does, so that a read after the answer shows the turn.
  await store.append((state) => (state.activeTurn?.commandId === commandId ? turnStarted(state, turnId, context.now) : undefined))
  return receipt(context, 'prompt', commandId, turnId)
}

/** Writes the prompt to Codex. @returns the id of the turn */
const askCodex = async (context: SessionContext, { commandId, body, options }: Prompt): Promise<string> => {
  const { store, server } = context
  const params: TurnStartParams = {
    // Further fields of the request go to Codex as they are; it checks them.
    ...(options as Partial<TurnStartParams> | undefined),
    threadId: store.state.threadId ?? '',
    input: [textInput(body.input)],
    clientUserMessageId: commandId,
  }
  const ask = () => server.peer.call('turn/start', params)
  try {
    const started = await ask().catch(async (error: unknown) => {
      // Archiving unloads the thread from the process, and unarchiving does not load it again.
      if (codexErrorKind(error) !== 'thread_not_found') throw error
      await reloadThread(context)
      return await ask()
    })
    return started.turn.id
  } catch (cause) {
    const error = codexError(cause)
    await endRefusedTurn(context, commandId, error)
    throw error
  }
}

/** A refusal ends the turn. Silence or a lost process does not: the turn may run, and its end comes as an event. */
const endRefusedTurn = async ({ store }: SessionContext, commandId: string, error: BridgeError): Promise<void> => {
  if (error.code !== 'codex_error' && error.code !== 'readiness_blocked') return
  const { reason } = (error.details ?? {}) as { reason?: unknown }
  const failure = { code: typeof reason === 'string' ? reason : 'turn_refused', message: error.message }
  const end = { status: 'failed', cause: 'refused', error: failure, finalMessage: null, usage: null, verify: false } as const
  await store.append((state) => (state.activeTurn?.commandId === commandId ? turnCompleted(state, end) : undefined))
}

/** @throws BridgeError `turn_active` */
const refuseBusy = ({ store }: SessionContext): void => {
  const { activeTurn, verifying } = store.state
  if (activeTurn) throw new BridgeError('turn_active', undefined, { details: { turnId: activeTurn.turnId } })
  if (verifying) throw new BridgeError('turn_active', 'The verification commands are running', { details: { verifying } })
}

/** The thread is not ready. @throws BridgeError `readiness_blocked` unless the prompt is to be skipped then */
const skipOrRefuse = async ({ store }: SessionContext, request: Prompt, command: CommandRecord): Promise<SkippedTurn> => {
  const { readinessReason: reason, threadId } = store.state
  if (!request.orSkip) {
    const offers = reason !== null && isUnready(reason) ? UNREADY_OFFERS[reason] : []
    throw new BridgeError('readiness_blocked', 'The thread is not ready; the bridge keeps trying', {
      details: { reason, threadId, offers },
    })
  }
  const answer = { skipped: true, reason }
  const skipped = await store.append((state) => turnSkipped(state, request.body.input, { ...command, answer }))
  return { skipped: true, reason, seq: skipped?.seq ?? store.seq }
}

const repeatedAnswer = (context: SessionContext, known: CommandRecord): TurnReceipt | SkippedTurn => {
  const { skipped, reason } = known.answer
  if (skipped !== true) return repeatedReceipt(context, known)
  return { skipped, reason: typeof reason === 'string' ? reason : null, seq: context.store.seq }
}
