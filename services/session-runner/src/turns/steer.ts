import { codexErrorKind, type TurnSteerParams } from '@codex-bridge/codex-client'
import { BridgeError, type RequestOf, type Sessions, type TurnReceipt } from '@codex-bridge/contracts'
import { poll } from '@codex-bridge/platform'
import { fingerprint } from '@codex-bridge/service-kit'
import { codexError } from '../codex/codex-failures.ts'
import type { SessionContext } from '../sessions/session-context.ts'
import { turnSteered } from '../sessions/session-decider.ts'
import { expectTurn, receipt, recordedCommand, repeatedReceipt, textInput } from './turn-commands.ts'

type Steer = RequestOf<typeof Sessions.steer>

/** How long a steer waits for Codex to know the turn that was just requested. */
const KNOWN_TURN = { timeoutMs: 5000, everyMs: 10 }

/**
 * Adds input to the active turn. Codex is asked first and the event stored after: if the process dies in between, the turn died with
 * it and a retry finds no turn, so the input cannot be added twice.
 * @throws BridgeError `no_active_turn`, `turn_mismatch`, `codex_error`
 */
export const steer = (context: SessionContext, request: Steer): Promise<TurnReceipt> =>
  context.commands.run(() => steerTurn(context, request))

const steerTurn = async (context: SessionContext, { commandId, body, options }: Steer): Promise<TurnReceipt> => {
  const { store } = context
  const mark = fingerprint('steer', options ? { ...body, options } : body)
  const known = recordedCommand(store.state, commandId, mark)
  if (known) return repeatedReceipt(context, known)
  const turnId = await activeTurnId(context)
  expectTurn(turnId, body.expectedTurnId)
  await askCodex(context, {
    // Further fields of the request go to Codex as they are; it checks them.
    ...(options as Partial<TurnSteerParams> | undefined),
    threadId: store.state.threadId ?? '',
    expectedTurnId: turnId,
    input: [textInput(body.input)],
  })
  await store.append((state) => turnSteered(state, body.input, { commandId, fingerprint: mark, verb: 'steer', answer: { turnId } }))
  return receipt(context, 'steer', commandId, turnId)
}

/** The id of the active turn, once Codex has named it. @throws BridgeError `no_active_turn` */
const activeTurnId = async ({ store }: SessionContext): Promise<string> => {
  const named = await poll(() => {
    const { activeTurn } = store.state
    if (!activeTurn) throw new BridgeError('no_active_turn')
    return activeTurn.turnId
  }, KNOWN_TURN)
  if (!named) throw new BridgeError('no_active_turn')
  return named
}

/** Versions before 0.169 know of no turn for a moment after its start. They are asked again until the turn has ended. */
const askCodex = async ({ store, server }: SessionContext, params: TurnSteerParams): Promise<void> => {
  let refusal: BridgeError | undefined
  const steered = await poll(async () => {
    try {
      await server.peer.call('turn/steer', params)
      return true
    } catch (error) {
      refusal = steerError(error)
      const runs = store.state.activeTurn?.turnId === params.expectedTurnId
      if (refusal.code !== 'no_active_turn' || !runs) throw refusal
      return false
    }
  }, KNOWN_TURN)
  if (!steered && refusal) throw refusal
}

const steerError = (error: unknown): BridgeError => {
  switch (codexErrorKind(error)) {
    case 'no_active_turn':
      return new BridgeError('no_active_turn')
    case 'turn_mismatch':
      return new BridgeError('turn_mismatch', (error as Error).message)
    default:
      return codexError(error)
  }
}
