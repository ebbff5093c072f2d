import { type Endpoints, serveLane } from '@codex-bridge/bus'
import { type RequestOf, type SessionReply, Sessions } from '@codex-bridge/contracts'
import { logServed } from '@codex-bridge/service-kit'
import { callOnSession } from '../threads/session-call.ts'
import { interrupt } from '../turns/interrupt.ts'
import { prompt } from '../turns/prompt.ts'
import { steer } from '../turns/steer.ts'
import type { SessionContext } from './session-context.ts'

/** A session as its commands see it. */
type ServedSession = {
  readonly context: SessionContext
  /** @throws BridgeError `fenced` when the session takes no commands */
  live(): SessionContext
  reply(): SessionReply
  stop(request: RequestOf<typeof Sessions.stop>): Promise<SessionReply>
}

/** Puts the commands of a live session on the bus. */
export const serveSession = (session: ServedSession): Endpoints => {
  const { lane, runner } = session.context
  const { bus, logger } = runner
  return serveLane(
    bus,
    lane.laneId,
    Sessions,
    {
      status: () => session.reply(),
      prompt: (request) => prompt(session.live(), request),
      steer: (request) => steer(session.live(), request),
      interrupt: (request) => interrupt(session.live(), request),
      stop: (request) => session.stop(request),
      call: (request) => callOnSession(session.live(), request),
    },
    { observe: logServed(logger) },
  )
}
