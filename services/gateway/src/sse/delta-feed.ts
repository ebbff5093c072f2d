import { type Bus, decodeText, subscribeDeltas } from '@codex-bridge/bus'
import type { StreamClient } from './client.ts'
import { admitsDelta } from './filter.ts'
import { deltaFrame } from './frame.ts'

/** Delivers token and output deltas to the clients that requested them. Subscribed only while there are such clients. */
export class DeltaFeed {
  readonly #bus: Bus
  readonly #clients = new Set<StreamClient>()
  #unsubscribe: (() => void) | undefined

  constructor(bus: Bus) {
    this.#bus = bus
  }

  attach(client: StreamClient): void {
    this.#clients.add(client)
    this.#unsubscribe ??= subscribeDeltas(this.#bus, (laneId, bytes) => this.#forward(laneId, bytes))
  }

  detach(client: StreamClient): void {
    this.#clients.delete(client)
    if (this.#clients.size === 0) this.stop()
  }

  stop(): void {
    this.#unsubscribe?.()
    this.#unsubscribe = undefined
  }

  /** Deltas are lossy: a client that is behind gets none until it has caught up. */
  #forward(laneId: string, bytes: Uint8Array): void {
    const json = decodeText(bytes)
    let delta: unknown
    try {
      delta = JSON.parse(json)
    } catch {
      return
    }
    if (delta === null || typeof delta !== 'object') return
    let frame: Uint8Array | undefined
    for (const client of this.#clients) {
      if (!client.live || !admitsDelta(client.filter, laneId, delta as Record<string, unknown>)) continue
      frame ??= deltaFrame(json)
      client.offerExtra(frame)
    }
  }
}
