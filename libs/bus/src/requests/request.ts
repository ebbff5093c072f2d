import { BridgeError, type ErrorBody, isErrorCode } from '@codex-bridge/contracts'
import { type Msg, RequestStrategy } from 'nats'
import { decodeJson, decodeText, encodeJson } from '../connection/codec.ts'
import type { Bus } from '../connection/connection.ts'
import { isNoResponders, isTimeout } from '../connection/nats-errors.ts'
import { writeBatch } from '../connection/write-batch.ts'

/** Nobody listens on the subject: for a session, the lane has none. */
export class NoRespondersError extends BridgeError {
  constructor(subject: string) {
    super('bus_unavailable', `Nothing answers on ${subject}`)
    this.name = 'NoRespondersError'
  }
}

/**
 * How often a command is sent again while no answer comes, in milliseconds: whoever had it in hand may have died, and nothing
 * else tells.
 */
export const ASK_AGAIN_MS = 3000

/** After a break of the connection whoever listens comes back at its own pace: until then "nobody" does not count, in milliseconds. */
const REJOIN_MS = 1000
const REJOIN_RETRY_MS = 100

/**
 * Sends a request and returns the reply's JSON text untouched. When the connection breaks before the reply, either may have
 * been lost with it, so the request is sent again: reads change nothing, and a command under its id runs at most once.
 * @param againMs sends it again whenever so much time has passed without an answer; the first answer counts
 * @throws NoRespondersError at once when nobody listens; BridgeError `command_timeout` when the deadline passes (the command
 * may have run), or the code the service answered with
 */
export const requestText = async (
  bus: Bus,
  subject: string,
  body: unknown,
  timeoutMs = bus.timeoutMs,
  againMs?: number,
): Promise<string> => {
  const reply = await ask(bus, subject, encodeJson(body), timeoutMs, againMs).catch((error: unknown) => {
    if (isNoResponders(error)) throw new NoRespondersError(subject)
    if (isTimeout(error)) throw new BridgeError('command_timeout', `No answer on ${subject} within ${timeoutMs} ms`)
    throw new BridgeError('bus_unavailable', undefined, { cause: error })
  })
  if (reply.headers?.has('Nats-Service-Error')) throw errorOf(reply.headers.get('Nats-Service-Error'), reply.data)
  return decodeText(reply.data)
}

const ask = (bus: Bus, subject: string, data: Uint8Array, timeoutMs: number, againMs: number | undefined): Promise<Msg> => {
  const deadline = Date.now() + timeoutMs
  let offReconnect = (): void => undefined
  let timer: NodeJS.Timeout | undefined
  let rejoin: NodeJS.Timeout | undefined
  return new Promise<Msg>((resolve, reject) => {
    const refused = (error: unknown): void => {
      const rejoining = isNoResponders(error) && performance.now() - bus.reconnectedAt() < REJOIN_MS && Date.now() < deadline
      clearTimeout(rejoin)
      if (rejoining) rejoin = setTimeout(send, REJOIN_RETRY_MS)
      else reject(error)
    }
    const send = () =>
      void writeBatch()
        .then(() => bus.nc.request(subject, data, { timeout: Math.max(1, deadline - Date.now()) }))
        .then(resolve, refused)
    offReconnect = bus.onReconnect(send)
    if (againMs !== undefined) timer = setInterval(send, againMs)
    send()
  }).finally(() => {
    offReconnect()
    clearInterval(timer)
    clearTimeout(rejoin)
  })
}

/** As requestText, parsed. The shape is the caller's claim: both ends share the schema in contracts. */
export const requestJson = async <T>(bus: Bus, subject: string, body: unknown, timeoutMs?: number, againMs?: number): Promise<T> =>
  JSON.parse(await requestText(bus, subject, body, timeoutMs, againMs)) as T

/** Asks everyone who listens and returns the answers that came within `waitMs`. */
export const requestMany = async <T>(bus: Bus, subject: string, body: unknown, waitMs: number): Promise<T[]> => {
  const answers: T[] = []
  try {
    const replies = await bus.nc.requestMany(subject, encodeJson(body), {
      maxWait: waitMs,
      strategy: RequestStrategy.JitterTimer,
      jitter: 100,
    })
    for await (const reply of replies) {
      if (!reply.headers?.has('Nats-Service-Error') && reply.data.length > 0) answers.push(decodeJson(reply.data) as T)
    }
  } catch (error) {
    if (!isNoResponders(error)) throw new BridgeError('bus_unavailable', undefined, { cause: error })
  }
  return answers
}

const errorOf = (code: string, data: Uint8Array): BridgeError => {
  let body: Partial<ErrorBody> = {}
  try {
    body = decodeJson(data) as Partial<ErrorBody>
  } catch {
    // A reply cut short still has its code in the header.
  }
  return new BridgeError(isErrorCode(code) ? code : 'internal_error', body.message, { details: body.details })
}
