import type { SessionContext } from '../sessions/session-context.ts'
import { verificationCompleted, verificationStarted } from '../sessions/session-decider.ts'
import { runVerification } from './verification-commands.ts'

/** Runs the lane's verification commands if the state says that the completed turn is being verified. */
export const verifyTurn = async (context: SessionContext): Promise<void> => {
  const { store, turn, lane, cwd, runner } = context
  const aborting = new AbortController()
  context.verification = aborting
  await store.settled()
  if (!store.state.verifying || context.phase !== 'live') return
  const { finalMessage } = turn
  const commands = lane.verificationCommands
  store.appendLater((state) => verificationStarted(state, commands))
  const timeoutMs = runner.config.BRIDGE_VERIFICATION_TIMEOUT_SEC * 1000
  const outcome = await runVerification(context.server.peer, { commands, cwd, timeoutMs, signal: aborting.signal })
  context.verification = undefined
  const record = turn.ending?.record
  store.appendLater((state) => (state.verifying ? verificationCompleted(state, { ...outcome, finalMessage, record }) : undefined))
}
