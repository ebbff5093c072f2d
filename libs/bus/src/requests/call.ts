import {
  BridgeError,
  type ErrorBody,
  isErrorCode,
  type LaneVerb,
  misfit,
  type ReplyOf,
  type RequestOf,
  type ServiceVerb,
  subjectOf,
  type Verb,
} from '@codex-bridge/contracts'
import { type Msg, RequestStrategy } from 'nats'
import { decodeJson, decodeText, encodeJson } from '../connection/codec.ts'
import type { Connection } from '../connection/connection.ts'
import { isNoResponders, isTimeout } from '../connection/nats-errors.ts'
import { writeBatch } from '../connection/write-batch.ts'

/** Nobody listens on the subject. For a lane verb: the lane has no live session. */
export class NoRespondersError extends BridgeError {
  constructor(subject: string) {
    super('bus_unavailable', `Nothing answers on ${subject}`)
    this.name = 'NoRespondersError'
  }
}

/** Default interval for re-sending a command that got no reply, in milliseconds: its owner may have died with it in hand. */
export const RESEND_MS = 3000

/** After a reconnect, services need time to subscribe again: until then "no responders" is retried, in milliseconds. */
const REJOIN_MS = 1000
const REJOIN_RETRY_MS = 100

export type CallOptions = {
  /** Default: the connection's timeout. */
  timeoutMs?: number | undefined
  /** Send the request again at this interval until a reply arrives. Only for requests that run at most once under their id. */
  resendMs?: number | undefined
  /** Never send it twice, not even after a reconnect. For requests that change something and have no id to run under. */
  once?: boolean | undefined
}
/** Lane verbs go to the holder of one lane's session. */
export type LaneCallOptions = CallOptions & { laneId: string }

/** Typed requests to the services. */
export type Caller = {
  /**
   * Sends a request and returns the checked reply. If the connection breaks before the reply, the request is sent again unless it
   * says `once`: reads change nothing, and a command runs at most once under its id.
   * @throws NoRespondersError immediately when nobody listens; BridgeError `command_timeout` when the deadline passes (the command
   * may have run), `internal_error` when the reply does not fit its schema, or the code the service replied with
   */
  call<V extends LaneVerb>(verb: V, request: RequestOf<V>, options: LaneCallOptions): Promise<ReplyOf<V>>
  call<V extends ServiceVerb>(verb: V, request: RequestOf<V>, options?: CallOptions): Promise<ReplyOf<V>>
  /** As call, but returns the JSON text of the checked reply, so that it can be passed on without encoding it again. */
  callText<V extends LaneVerb>(verb: V, request: RequestOf<V>, options: LaneCallOptions): Promise<string>
  callText<V extends ServiceVerb>(verb: V, request: RequestOf<V>, options?: CallOptions): Promise<string>
  /** Asks every instance and returns the replies that arrive within `waitMs`. Errors and replies that do not fit are left out. */
  callAll<V extends ServiceVerb>(verb: V, request: RequestOf<V>, waitMs: number): Promise<ReplyOf<V>[]>
}

export const callerOf = (connection: Connection): Caller => {
  const send = async (verb: Verb, request: unknown, options: CallOptions & { laneId?: string } = {}) => {
    const text = await requestText(connection, subjectOf(verb, options.laneId), request, options)
    const { value, problem } = checkReply(verb, text)
    if (problem !== undefined) throw new BridgeError('internal_error', undefined, { cause: new Error(problem) })
    return { text, value }
  }
  return {
    call: async (verb: Verb, request: unknown, options?: CallOptions) => (await send(verb, request, options)).value,
    callText: async (verb: Verb, request: unknown, options?: CallOptions) => (await send(verb, request, options)).text,
    callAll: async (verb, request, waitMs) => {
      const replies: ReplyOf<typeof verb>[] = []
      for await (const text of requestMany(connection, subjectOf(verb), request, waitMs)) {
        const { value, problem } = checkReply(verb, text)
        if (problem === undefined) replies.push(value as ReplyOf<typeof verb>)
        else connection.report(problem)
      }
      return replies
    },
  }
}

const checkReply = (verb: Verb, text: string): { value: unknown; problem: string | undefined } => {
  const where = `reply of ${verb.service} ${verb.name}`
  try {
    const value: unknown = JSON.parse(text)
    const problem = misfit(verb.reply, value)
    return { value, problem: problem && `${where} does not fit: ${problem.path} ${problem.message}` }
  } catch {
    return { value: undefined, problem: `${where} is not JSON` }
  }
}

const requestText = async (connection: Connection, subject: string, body: unknown, options: CallOptions): Promise<string> => {
  const { timeoutMs = connection.timeoutMs } = options
  const reply = await ask(connection, subject, encodeJson(body), { ...options, timeoutMs }).catch((error: unknown) => {
    if (isNoResponders(error)) throw new NoRespondersError(subject)
    if (isTimeout(error)) throw new BridgeError('command_timeout', `No answer on ${subject} within ${timeoutMs} ms`)
    throw new BridgeError('bus_unavailable', undefined, { cause: error })
  })
  if (reply.headers?.has('Nats-Service-Error')) throw errorOf(reply.headers.get('Nats-Service-Error'), reply.data)
  return decodeText(reply.data)
}

const ask = (
  connection: Connection,
  subject: string,
  data: Uint8Array,
  { timeoutMs, resendMs, once }: CallOptions & { timeoutMs: number },
): Promise<Msg> => {
  const deadline = Date.now() + timeoutMs
  let offReconnect = (): void => undefined
  let timer: NodeJS.Timeout | undefined
  let rejoin: NodeJS.Timeout | undefined
  return new Promise<Msg>((resolve, reject) => {
    const refused = (error: unknown): void => {
      const rejoining = isNoResponders(error) && performance.now() - connection.reconnectedAt() < REJOIN_MS && Date.now() < deadline
      clearTimeout(rejoin)
      if (rejoining) rejoin = setTimeout(send, REJOIN_RETRY_MS)
      else reject(error)
    }
    const send = () =>
      void writeBatch()
        .then(() => connection.nc.request(subject, data, { timeout: Math.max(1, deadline - Date.now()) }))
        .then(resolve, refused)
    // A reply to what was sent before may still arrive on the new connection.
    if (!once) offReconnect = connection.onReconnect(send)
    if (resendMs !== undefined) timer = setInterval(send, resendMs)
    send()
  }).finally(() => {
    offReconnect()
    clearInterval(timer)
    clearTimeout(rejoin)
  })
}

/** The text of everyone's replies on a subject; errors and empty replies are left out. */
export async function* requestMany(connection: Connection, subject: string, body: unknown, waitMs: number): AsyncGenerator<string> {
  try {
    const replies = await connection.nc.requestMany(subject, encodeJson(body), {
      maxWait: waitMs,
      strategy: RequestStrategy.JitterTimer,
      jitter: 100,
    })
    for await (const reply of replies) {
      if (!reply.headers?.has('Nats-Service-Error') && reply.data.length > 0) yield decodeText(reply.data)
    }
  } catch (error) {
    if (!isNoResponders(error)) throw new BridgeError('bus_unavailable', undefined, { cause: error })
  }
}

const errorOf = (code: string, data: Uint8Array): BridgeError => {
  let body: Partial<ErrorBody> = {}
  try {
    body = decodeJson(data) as Partial<ErrorBody>
  } catch {
    // A truncated reply still has its code in the header.
  }
  return new BridgeError(isErrorCode(code) ? code : 'internal_error', body.message, { details: body.details })
}
