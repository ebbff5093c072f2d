import { BridgeError, type CommandService, subjects, validator } from '@codex-bridge/contracts'
import { headers, type Msg, nuid, type Service } from 'nats'
import type { Static, TSchema } from 'typebox'
import { decodeJson, encodeJson } from '../connection/codec.ts'
import type { Bus } from '../connection/connection.ts'
import { writeBatch } from '../connection/write-batch.ts'

/** A reply that is already JSON text and is sent as it is. */
export class RawJson {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

export type Handler<T extends TSchema> = (request: Static<T>) => Promise<unknown> | unknown

/** What one request cost, for the log and the metrics. */
export type ServedRequest = { subject: string; ms: number; error: BridgeError | undefined }

export type ServeOptions = {
  observe?: (served: ServedRequest) => void
  /** Every instance answers, instead of one of the queue group. */
  everyone?: boolean
}

/** A set of endpoints that can be taken off the bus in an orderly way. */
export type Endpoints = {
  /** Stops taking requests, then waits for those in flight, at most `graceMs`. */
  stop(graceMs?: number): Promise<void>
}

type Reply = { respond(data: Uint8Array, error?: BridgeError): void }

/**
 * Awaits the handler, validates the request first, maps every failure to a code of the registry. Async handlers must never
 * be handed to the library directly: it does not await them, and a rejection would end the process.
 */
const handlerOf = <T extends TSchema>(
  subject: string,
  schema: T,
  handler: Handler<T>,
  inFlight: Set<Promise<void>>,
  options: ServeOptions,
) => {
  const validate = validator(schema)
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
      options.observe?.({ subject, ms: performance.now() - started, error: failure })
    }
    const running = run().finally(() => inFlight.delete(running))
    inFlight.add(running)
  }
}

/** Sends a failure. Its details may not fit JSON or the size of a message: then only the code goes; or nobody can be reached any more. */
const refuse = (reply: Reply, failure: BridgeError): void => {
  for (const body of [failure.toBody, () => ({ error: failure.code, message: '' })]) {
    try {
      reply.respond(encodeJson(body.call(failure)), failure)
      return
    } catch {
      // The shorter form is tried next; without a connection the asker times out.
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
 * Puts a service on the bus with the services framework (discovery, statistics, queue group): one endpoint per verb on
 * `lane.cmd.{service}.{verb}`.
 */
export const serve = async <R extends Record<string, TSchema>>(
  bus: Bus,
  about: { name: string; version: string; service: CommandService; metadata?: Record<string, string> },
  requests: R,
  handlers: { [V in keyof R]?: Handler<R[V]> },
  options: ServeOptions = {},
): Promise<Endpoints> => {
  const inFlight = new Set<Promise<void>>()
  const service: Service = await bus.nc.services.add({
    name: about.name,
    version: about.version,
    // The framework knows no endpoint without a queue group; a group of one makes every instance answer.
    queue: options.everyone ? nuid.next() : 'q',
    ...(about.metadata && { metadata: about.metadata }),
  })
  for (const [verb, handler] of Object.entries(handlers)) {
    const schema = requests[verb]
    if (!schema || !handler) throw new Error(`no schema for ${verb}`)
    const subject = subjects.command(about.service, verb)
    const handle = handlerOf(subject, schema, handler as Handler<TSchema>, inFlight, options)
    service.addEndpoint(verb, {
      subject,
      handler: (error, message) => {
        if (!error) handle(message.data, respondTo(message as unknown as Msg))
      },
    })
  }
  // Until the server has the subscriptions, whoever asks is told that nobody answers: ready means reachable.
  await bus.nc.flush()
  return {
    stop: async (graceMs = 10_000) => {
      await service.stop().catch(() => undefined)
      await drained(inFlight, graceMs)
    },
  }
}

/** Answers `{prefix}.{verb}` for the verbs of one owner; used by the holder of a lane's session. */
export const serveSubject = <R extends Record<string, TSchema>>(
  bus: Bus,
  prefix: string,
  requests: R,
  handlers: { [V in keyof R]?: Handler<R[V]> },
  options: ServeOptions & { queue?: string } = {},
): Endpoints => {
  const inFlight = new Set<Promise<void>>()
  const bound = new Map(
    Object.entries(handlers).map(([verb, handler]) => {
      const subject = `${prefix}.${verb}`
      return [subject, handlerOf(subject, requests[verb] as TSchema, handler as Handler<TSchema>, inFlight, options)]
    }),
  )
  const subscription = bus.nc.subscribe(`${prefix}.*`, {
    ...(options.queue && { queue: options.queue }),
    callback: (error, message) => {
      if (!error) bound.get(message.subject)?.(message.data, respondTo(message))
    },
  })
  return {
    stop: async (graceMs = 10_000) => {
      subscription.unsubscribe()
      await drained(inFlight, graceMs)
    },
  }
}
