import { setTimeout as sleep } from 'node:timers/promises'
import { NoRespondersError } from '@codex-bridge/bus'
import { BridgeError, Registry, type RequestOf, Sessions } from '@codex-bridge/contracts'
import { stepId } from '@codex-bridge/service-kit'
import type { BusGateway } from './bus-gateway.ts'

/** Delays between attempts while a lane changes hands, in milliseconds; about six seconds in total. */
const RETRY_PAUSES_MS = [100, 200, 400, 800, 1000, 1500, 2000]

export type TurnVerb = typeof Sessions.prompt | typeof Sessions.steer | typeof Sessions.interrupt
export type SessionCommand<V extends TurnVerb = TurnVerb> = { laneId: string; verb: V; request: RequestOf<V> }

/**
 * Sends a command to the runner that holds the lane's session. A prompt starts or recovers the session if there is none; steer and
 * interrupt need a live one. While the lane changes hands, the command is retried with the same id, under which it runs at most once.
 * @throws BridgeError `lane_not_found`, `session_not_running`, `command_timeout`, or the error of the session
 */
export const sendToSession = async <V extends TurnVerb>(bus: BusGateway, command: SessionCommand<V>): Promise<string> => {
  const { laneId, verb, request } = command
  const deadline = Date.now() + bus.commandTimeoutMs
  const left = () => Math.max(1, deadline - Date.now())
  let changingHands = false
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await bus.laneCommand(verb, request, laneId, left())
    } catch (error) {
      if (!isTransient(error)) throw error
      const hasNoSession = error instanceof NoRespondersError
      if (hasNoSession && !changingHands) {
        await findSession(bus, command, left)
        changingHands = true
        if (verb.name === Sessions.prompt.name) continue
      }
      changingHands = true
      const pause = RETRY_PAUSES_MS[attempt]
      if (pause === undefined || pause >= left()) throw hasNoSession ? new BridgeError('session_not_running') : error
      await sleep(pause)
    }
  }
}

const isTransient = (error: unknown): error is BridgeError =>
  error instanceof BridgeError && (error.code === 'fenced' || error.code === 'bus_unavailable')

/** Starts the session for a prompt. @throws BridgeError for other commands: the lane or its session does not exist */
const findSession = async (bus: BusGateway, { laneId, verb, request }: SessionCommand, left: () => number): Promise<void> => {
  if (verb.name === Sessions.prompt.name) {
    await bus.command(Registry.startSession, { commandId: stepId(request.commandId, 'wake'), laneId }, left())
    return
  }
  await bus.read(Registry.getLane, { laneId })
  throw new BridgeError('session_not_running')
}
