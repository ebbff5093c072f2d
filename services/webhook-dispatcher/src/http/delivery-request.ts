import { type Agent, request } from 'undici'
import type { AttemptResult } from '../delivery/outcome.ts'
import { isPermittedAddress, literalAddress, type Network } from './address-policy.ts'

/** At most this much of an answer is read, and for no longer than this: it is thrown away, and read only to keep the connection. */
const ANSWER_BYTES = 64 * 1024
const ANSWER_MS = 1000

export type PostOptions = {
  agent: Agent
  allowed: readonly Network[]
  timeoutMs: number
  /** This attempt's own: aborting it breaks the attempt off. */
  breakOff: AbortController
}

/**
 * One POST with one deadline over connecting, headers and body. The status line decides: an endpoint that said 2xx has the
 * event, whatever its body does after that. The body is neither kept nor shown, and every failure before a status reads the
 * same, so that a webhook cannot be used to look into a network.
 */
export const post = async (url: string, headers: Record<string, string>, body: Buffer, options: PostOptions): Promise<AttemptResult> => {
  const target = new URL(url)
  const literal = literalAddress(target)
  // A connection to an address literal asks no lookup, so the guard of the agent never sees it.
  if (literal !== undefined && !isPermittedAddress(literal, options.allowed)) return { kind: 'unreachable' }
  let late = false
  const deadline = setTimeout(() => {
    late = true
    options.breakOff.abort()
  }, options.timeoutMs)
  try {
    const answer = await request(target, { method: 'POST', headers, body, dispatcher: options.agent, signal: options.breakOff.signal })
    const retryAfter = answer.headers['retry-after']
    await discard(answer.body)
    return { kind: 'answered', status: answer.statusCode, retryAfter: Array.isArray(retryAfter) ? retryAfter[0] : retryAfter }
  } catch {
    if (late) return { kind: 'timeout' }
    return { kind: options.breakOff.signal.aborted ? 'interrupted' : 'unreachable' }
  } finally {
    clearTimeout(deadline)
  }
}

type AnswerBody = AsyncIterable<Uint8Array> & { destroy(): unknown; on(event: 'error', listener: () => void): unknown }

const discard = async (body: AnswerBody): Promise<void> => {
  body.on('error', () => undefined)
  const timer = setTimeout(() => body.destroy(), ANSWER_MS)
  try {
    let read = 0
    for await (const chunk of body) {
      read += chunk.length
      if (read > ANSWER_BYTES) break
    }
  } catch {
    // It broke off, or we did: the status has been said.
  } finally {
    clearTimeout(timer)
  }
}
