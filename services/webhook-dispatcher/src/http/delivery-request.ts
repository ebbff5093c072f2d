import { type Agent, request } from 'undici'
import type { AttemptResult } from '../delivery/outcome.ts'
import { isPermittedAddress, literalAddress, type Network } from './address-policy.ts'

/** Limits for reading a response body. It is discarded, and read only so that the connection can be reused. */
const BODY_BYTES = 64 * 1024
const BODY_MS = 1000

export type PostOptions = {
  agent: Agent
  allowed: readonly Network[]
  timeoutMs: number
  /** This attempt's own: aborting it ends the attempt. */
  abort: AbortController
}

/**
 * One POST with one deadline for connecting, headers and body. The status line decides: an endpoint that answered 2xx has the
 * event, whatever happens to the body after that. The body is neither kept nor shown, and all failures before a status look
 * the same, so that a webhook cannot be used to probe a network.
 */
export const post = async (url: string, headers: Record<string, string>, body: Buffer, options: PostOptions): Promise<AttemptResult> => {
  const target = new URL(url)
  const literal = literalAddress(target)
  // A connection to an address literal needs no lookup, so the agent's guard never sees it.
  if (literal !== undefined && !isPermittedAddress(literal, options.allowed)) return { kind: 'unreachable' }
  let late = false
  const deadline = setTimeout(() => {
    late = true
    options.abort.abort()
  }, options.timeoutMs)
  try {
    const response = await request(target, { method: 'POST', headers, body, dispatcher: options.agent, signal: options.abort.signal })
    const retryAfter = response.headers['retry-after']
    await discard(response.body)
    return { kind: 'answered', status: response.statusCode, retryAfter: Array.isArray(retryAfter) ? retryAfter[0] : retryAfter }
  } catch {
    // The cause stays hidden on purpose, see above. The result counts as a failed attempt.
    if (late) return { kind: 'timeout' }
    return { kind: options.abort.signal.aborted ? 'interrupted' : 'unreachable' }
  } finally {
    clearTimeout(deadline)
  }
}

type ResponseBody = AsyncIterable<Uint8Array> & { destroy(): unknown; on(event: 'error', listener: () => void): unknown }

const discard = async (body: ResponseBody): Promise<void> => {
  // Without a listener, destroying the body would be an uncaught error.
  body.on('error', () => undefined)
  const timer = setTimeout(() => body.destroy(), BODY_MS)
  try {
    let read = 0
    for await (const chunk of body) {
      read += chunk.length
      if (read > BODY_BYTES) break
    }
  } catch {
    // The body was cut off, by the endpoint or by us. The status has been read.
  } finally {
    clearTimeout(timer)
  }
}
