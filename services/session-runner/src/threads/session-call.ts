import { codexErrorKind } from '@codex-bridge/codex-client'
import { type AppServerCall, BridgeError, needsLoadedThread } from '@codex-bridge/contracts'
import { codexError } from '../codex/codex-failures.ts'
import type { SessionContext } from '../sessions/session-context.ts'
import { reloadThread } from './thread-loader.ts'

/** An app-server call on a session's own process. A thread that Codex has unloaded is loaded again. @throws BridgeError */
export const callOnSession = async (context: SessionContext, { method, params }: AppServerCall): Promise<unknown> => {
  if (method.startsWith('turn/')) throw new BridgeError('conflict', 'Turns of a lane go through the lane: POST /lanes/{laneId}/prompt')
  const { server, runner } = context
  const ask = () => server.peer.request(method, params)
  try {
    const result = await ask().catch(async (error: unknown) => {
      if (!(needsLoadedThread(method) && codexErrorKind(error) === 'thread_not_found')) throw error
      await reloadThread(context)
      return await ask()
    })
    return await runner.originators.complete(result)
  } catch (error) {
    throw codexError(error)
  }
}
