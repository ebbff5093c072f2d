import type { ApiClient } from '@codex-bridge/testkit'
import type { TSchema } from 'typebox'
import { Compile } from 'typebox/compile'

type Message = { payload: unknown; headers?: unknown }
type Channel = { address: string | null; messages: Record<string, Message> }
type Document = { channels: Record<string, Channel> }

/** One message seen on the bus. `answers` is the subject of the request that it replies to. */
export type SeenMessage = { subject: string; answers?: string; headers: Record<string, string>; body: unknown }

/** The AsyncAPI document of a running bridge, to hold messages against. */
export class BusDocument {
  readonly #channels: [string, Channel][]
  readonly #compiled = new Map<unknown, ReturnType<typeof Compile>>()

  private constructor(document: Document) {
    const resolve = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(resolve)
      if (value === null || typeof value !== 'object') return value
      const { $ref: ref } = value as { $ref?: unknown }
      if (typeof ref !== 'string') return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, resolve(inner)]))
      const path = ref.replace(/^#\//, '').split('/')
      return resolve(path.reduce<unknown>((inner, key) => (inner as Record<string, unknown>)[key], document))
    }
    this.#channels = Object.entries(resolve(document.channels) as Record<string, Channel>)
  }

  static async read(http: ApiClient): Promise<BusDocument> {
    return new BusDocument((await http.get<Document>('/asyncapi.json')).body)
  }

  /** What is wrong with a message by the document, undefined if nothing is. */
  problemOf(seen: SeenMessage): string | undefined {
    const found = this.#channels.find(([, { address }]) => address !== null && fits(address, seen.answers ?? seen.subject))
    if (!found) return 'no channel has this subject'
    const [id, channel] = seen.answers === undefined ? found : (this.#channels.find(([name]) => name === `${found[0]}.reply`) ?? found)
    const message = messageOf(channel, seen)
    if (!message) return `channel ${id} has no such message`
    return (
      this.#misfit(message.payload, seen.body) ?? (message.headers === undefined ? undefined : this.#misfit(message.headers, seen.headers))
    )
  }

  #misfit(schema: unknown, value: unknown): string | undefined {
    const compiled = this.#compiled.get(schema) ?? Compile(schema as TSchema)
    this.#compiled.set(schema, compiled)
    if (compiled.Check(value)) return
    return [...compiled.Errors(value)].map(({ instancePath, message }) => `${instancePath} ${message}`).join('; ')
  }
}

const fits = (address: string, subject: string): boolean =>
  new RegExp(`^${address.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^.]+')}$`).test(subject)

const messageOf = ({ messages }: Channel, { answers, headers }: SeenMessage): Message | undefined => {
  if (answers !== undefined) return messages['Nats-Service-Error' in headers ? 'error' : 'reply']
  const type = headers['Lane-Event-Type']
  if (type === undefined) return messages['delta'] ?? messages['request']
  return messages[type] ?? (type.endsWith('.notification') ? messages['lane.notification'] : undefined)
}
