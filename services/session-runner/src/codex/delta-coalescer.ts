import type { JsonObject } from '@codex-bridge/codex-client'

/** A piece of text on its way: of a message, a command's output or reasoning. */
export type Delta = { threadId: string; turnId: string | null; itemId: string | null; method: string; delta: string }

/** How long deltas of one item are gathered, in milliseconds, and how many characters end that early. */
const GATHER_MS = 50
const GATHER_CHARS = 16_384

/** Joins deltas of one item that come close together. Lossy by contract: nothing is stored and nobody waits. */
export class DeltaCoalescer {
  readonly #publish: (delta: Delta) => void
  readonly #gathered = new Map<string, Delta>()
  #timer: NodeJS.Timeout | undefined

  constructor(publish: (delta: Delta) => void) {
    this.#publish = publish
  }

  add(method: string, params: JsonObject): void {
    const { threadId, turnId, itemId, delta } = params
    if (typeof delta !== 'string' || typeof threadId !== 'string') return
    const item = typeof itemId === 'string' ? itemId : null
    const key = `${threadId} ${item} ${method}`
    const known = this.#gathered.get(key)
    const joined: Delta = {
      threadId,
      turnId: typeof turnId === 'string' ? turnId : null,
      itemId: item,
      method,
      delta: (known?.delta ?? '') + delta,
    }
    this.#gathered.set(key, joined)
    if (joined.delta.length >= GATHER_CHARS) this.flush()
    else this.#timer ??= setTimeout(() => this.flush(), GATHER_MS)
  }

  flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    for (const delta of this.#gathered.values()) this.#publish(delta)
    this.#gathered.clear()
  }
}
