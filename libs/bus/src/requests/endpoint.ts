import {
  BridgeError,
  type LaneVerb,
  type ReplyOf,
  type RequestOf,
  type ServiceVerb,
  subjectOf,
  subjects,
  type Verb,
  type VerbGroup,
  validator,
} from '@codex-bridge/contracts'
import { headers, type Msg, nuid, type Service } from 'nats'
import { decodeJson, encodeJson } from '../connection/codec.ts'
import type { Connection } from '../connection/connection.ts'
import { writeBatch } from '../connection/write-batch.ts'

/** A reply that is already JSON text and is sent unchanged. The caller checks it against the verb's schema. */
export class RawJson {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/** Answers one verb with its reply, or with the reply's JSON text. */
type Handler<V extends Verb> = (request: RequestOf<V>) => Promise<ReplyOf<V> | RawJson> | ReplyOf<V> | RawJson
export type Handlers<G extends VerbGroup> = { [N in keyof G]?: Handler<G[N]> }

/** One request that was answered, for the log and metrics. */
export type ServedRequest = { subject: string; ms: number; error: BridgeError | undefined }

export type ServeOptions = {
  observe?: (served: ServedRequest) => void
  /** Every instance answers, instead of one per queue group. */
  everyone?: boolean
}

/** Endpoints that are on the bus. */
export type Endpoints = {
  /** Stops accepting requests, then waits up to `graceMs` milliseconds for those in flight. */
  stop(graceMs?: number): Promise<void>
}

type Reply = { respond(data: Uint8Array, error?: BridgeError): void }

/**
 * Checks the request, awaits the handler and maps every failure to a code of the registry. The library must never be given an async
 * handler directly: it does not await it, and a rejection would end the process.
 */
const responderOf = (
  subject: string,
  verb: Verb,
  handler: Handler<Verb>,
  inFlight: Set<Promise<void>>,
  observe: ServeOptions['observe'],
) => {
  const validate = validator(verb.request)
  return (data: Uint8Array, reply: Reply): void => {
    const run = async () => {
      const started = performance.now()
      let failure: BridgeError | undefined
      try {
        const answer = await handler(validate(data.length === 0 ? {} : parse(data)))
        await writeBatch()
        reply.respond(answer instanceof RawJson ? new TextEncoder().encode(answer.text) : encodeJson(answer ?? {}))
      } catch (error) {
        failure = BridgeError.from(error)
        refuse(reply, failure)
      }
      observe?.({ subject, ms: performance.now() - started, error: failure })
    }
    const running = run().finally(() => inFlight.delete(running))
    inFlight.add(running)
  }
}

/** Sends a failure. If its details cannot be encoded or exceed the size of a message, only the code is sent. */
const refuse = (reply: Reply, failure: BridgeError): void => {
  for (const body of [failure.toBody, () => ({ error: failure.code, message: '' })]) {
    try {
      reply.respond(encodeJson(body.call(failure)), failure)
      return
    } catch {
      // Try the shorter form next. Without a connection, the caller times out.
    }
  }
}

const parse = (data: Uint8Array): unknown => {
  try {
    return decodeJson(data)
  } catch (cause) {
    throw new BridgeError('invalid_json', undefined, { cause })
  }
}

const respondTo = (message: Msg): Reply => ({
  respond: (data, error) => {
    if (!error) {
      message.respond(data)
      return
    }
    const head = headers()
    head.set('Nats-Service-Error-Code', String(error.status))
    head.set('Nats-Service-Error', error.code)
    message.respond(data, { headers: head })
  },
})

const drained = async (inFlight: Set<Promise<void>>, graceMs: number): Promise<void> => {
  const all = Promise.allSettled([...inFlight])
  await Promise.race([all, new Promise((resolve) => setTimeout(resolve, graceMs).unref())])
}

/**
 * Registers a service with the NATS services framework (discovery, statistics, queue group): one endpoint per handler.
 * @throws Error for a handler without a verb
 */
export const serve = async <G extends Readonly<Record<string, ServiceVerb>>>(
  bus: Connection,
  about: { name: string; version: string; metadata?: Record<string, string> },
  verbs: G,
  handlers: Handlers<G>,
  options: ServeOptions = {},
): Promise<Endpoints> => {
  const inFlight = new Set<Promise<void>>()
  const service: Service = await bus.nc.services.add({
    name: about.name,
    version: about.version,
    // The framework has no endpoints without a queue group: a group of one makes every instance answer.
    queue: options.everyone ? nuid.next() : 'q',
    ...(about.metadata && { metadata: about.metadata }),
  })
  for (const [verb, handler] of handled(verbs, handlers)) {
    const subject = subjectOf(verb)
    const respond = responderOf(subject, verb, handler, inFlight, options.observe)
    service.addEndpoint(verb.name, {
      subject,
      handler: (error, message) => {
        // A service message has respond() with headers, as a plain message has; only its declared type is narrower.
        if (!error) respond(message.data, respondTo(message as unknown as Msg))
      },
    })
  }
  // Until the server has the subscriptions, callers get "no responders": ready must mean reachable.
  await bus.nc.flush()
  return {
    stop: async (graceMs = 10_000) => {
      await service.stop().catch(() => undefined)
      await drained(inFlight, graceMs)
    },
  }
}

/** Answers the verbs of one lane, as the holder of its session. */
export const serveLane = <G extends Readonly<Record<string, LaneVerb>>>(
  bus: Connection,
  laneId: string,
  verbs: G,
  handlers: Handlers<G>,
  options: Pick<ServeOptions, 'observe'> = {},
): Endpoints => {
  const inFlight = new Set<Promise<void>>()
  const responders = new Map(
    handled(verbs, handlers).map(([verb, handler]) => {
      const subject = subjectOf(verb, laneId)
      return [subject, responderOf(subject, verb, handler, inFlight, options.observe)]
    }),
  )
  const subscription = bus.nc.subscribe(subjects.session(laneId, '*'), {
    queue: 'owner',
    callback: (error, message) => {
      if (!error) responders.get(message.subject)?.(message.data, respondTo(message))
    },
  })
  return {
    stop: async (graceMs = 10_000) => {
      subscription.unsubscribe()
      await drained(inFlight, graceMs)
    },
  }
}

/** Handlers paired with their verbs. The pairing is checked by `Handlers`; here it is only looked up by name. */
const handled = (verbs: VerbGroup, handlers: Readonly<Record<string, unknown>>): [Verb, Handler<Verb>][] =>
  Object.entries(handlers).map(([name, handler]) => {
    const verb = verbs[name]
    if (!verb) throw new Error(`No verb ${name}`)
    return [verb, handler as Handler<Verb>]
  })
