import { setTimeout as sleep } from 'node:timers/promises'
import type { RawEvent } from '@codex-bridge/bus'
import type { Feed, StreamClient } from './client.ts'
import { StreamEvent } from './frame.ts'
import type { LogExtent, LogSource } from './log-source.ts'
import { type Page, type PageRequest, ReplayReader } from './replay.ts'
import { EventRing, type RingLimits } from './ring.ts'

const RING: RingLimits = { events: 8192, bytes: 32 * 1024 * 1024 }

/** Maximum read at start, so that clients of the previous process resume from memory. It delays the start. */
const PRELOADED = { events: 1000, bytes: 8 * 1024 * 1024 }

/** Maximum live events held back while a gap is filled; beyond that they are read from the log too. */
const HELD = 5000

/** How often the end of the log is checked, in milliseconds: the loss of the last event is not revealed by a successor. */
const CHECK_EVERY_MS = 5000
const RETRY_MS = 200

export type HubOptions = {
  source: LogSource
  observe?: (problem: string) => void
  ring?: RingLimits
  checkEveryMs?: number
  retryMs?: number
}

/**
 * The event log in this process: one live subscription for all clients. The log assigns sequences without holes, so a live event that
 * is not the successor of the previous one means that events were missed. They are read from the log before anything later is
 * published.
 */
export class EventHub implements Feed {
  readonly #source: LogSource
  readonly #options: HubOptions
  readonly #ring: EventRing
  readonly #replay: ReplayReader
  readonly #clients = new Set<StreamClient>()
  readonly #stops: (() => void)[] = []
  #last = 0
  #created = ''
  /** Incremented whenever sequences start over. */
  #epoch = 0
  /** The highest sequence known to exist. */
  #known = 0
  #held: RawEvent[] = []
  #filling = false
  #stopped = false
  /** End of the log at the previous check, if beyond `last`: an event missing in two checks is lost, not just in flight. */
  #suspected = 0
  /** Number of gaps filled. */
  fills = 0

  constructor(options: HubOptions) {
    this.#source = options.source
    this.#options = options
    this.#ring = new EventRing(options.ring ?? RING, 1)
    this.#replay = new ReplayReader(options.source)
  }

  get last(): number {
    return this.#last
  }

  get recentFrom(): number {
    return this.#ring.completeFrom
  }

  get clients(): ReadonlySet<StreamClient> {
    return this.#clients
  }

  recent(after: number): Iterable<StreamEvent> {
    return this.#ring.after(after)
  }

  page(request: PageRequest): Promise<Page> {
    return this.#replay.page(request)
  }

  /** Subscribes, then reads the end of the log. Events that arrive in between are held back and ordered by sequence. */
  async start(): Promise<void> {
    this.#filling = true
    this.#stops.push(this.#source.subscribe((raw) => this.#receive(raw)))
    const extent = await this.#source.extent()
    this.#begin(extent)
    this.#stops.push(this.#source.onReconnect(() => void this.#check(true)))
    const timer = setInterval(() => void this.#check(false), this.#options.checkEveryMs ?? CHECK_EVERY_MS)
    this.#stops.push(() => clearInterval(timer))
    await this.#fill()
  }

  /** Ends every stream. Clients reconnect and resume by id. */
  stop(): void {
    this.#stopped = true
    for (const stop of this.#stops.splice(0)) stop()
    for (const client of [...this.#clients]) client.end()
  }

  attach(client: StreamClient): void {
    this.#clients.add(client)
    client.start()
  }

  detach(client: StreamClient): void {
    this.#clients.delete(client)
  }

  extent(): Promise<LogExtent> {
    return this.#source.extent()
  }

  #begin({ firstSeq, lastSeq, created, meanBytes }: LogExtent): void {
    const preloaded = Math.min(PRELOADED.events, Math.floor(PRELOADED.bytes / Math.max(1, meanBytes)))
    this.#created = created
    this.#epoch += 1
    this.#last = Math.max(firstSeq - 1, lastSeq - preloaded)
    this.#known = Math.max(lastSeq, this.#held.at(-1)?.seq ?? 0)
    this.#ring.restart(this.#last + 1)
  }

  #receive(raw: RawEvent): void {
    if (this.#stopped) return
    if (!this.#filling && raw.seq === this.#last + 1) {
      this.#publish(raw)
      return
    }
    // An old sequence is a duplicate, or the log was re-created and its sequences start over.
    if (!this.#filling && raw.seq <= this.#last) {
      void this.#check(true)
      return
    }
    this.#known = Math.max(this.#known, raw.seq)
    this.#held.push(raw)
    if (this.#held.length > HELD) this.#held = []
    if (!this.#filling) void this.#fill()
  }

  #publish(raw: RawEvent): void {
    this.#last = raw.seq
    const event = StreamEvent.of(raw)
    if (!event) {
      this.#options.observe?.(`skipped message ${raw.seq} on ${raw.subject}: not an event`)
      return
    }
    this.#ring.push(event)
    for (const client of this.#clients) client.offer(event)
  }

  /** Closes the gap: reads from the log up to the held events, then publishes those. */
  async #fill(): Promise<void> {
    this.#filling = true
    while (!this.#stopped) {
      this.#publishHeld()
      if (this.#last >= this.#known) break
      try {
        this.fills += 1
        await this.#readTo(Math.min(this.#known, (this.#held[0]?.seq ?? Number.POSITIVE_INFINITY) - 1))
      } catch (error) {
        this.#options.observe?.(`retrying the read after ${this.#last}: ${String(error)}`)
        await sleep(this.#options.retryMs ?? RETRY_MS)
        await this.#check(true)
      }
    }
    this.#filling = false
  }

  #publishHeld(): void {
    let taken = 0
    for (const raw of this.#held) {
      if (raw.seq > this.#last + 1) break
      if (raw.seq === this.#last + 1) this.#publish(raw)
      taken += 1
    }
    this.#held = this.#held.slice(taken)
  }

  async #readTo(to: number): Promise<void> {
    const epoch = this.#epoch
    for await (const portion of this.#source.read({ from: this.#last + 1, to })) {
      if (this.#stopped || epoch !== this.#epoch) return
      for (const raw of portion) this.#publish(raw)
    }
    // Events that are missing from the log were deleted.
    if (epoch === this.#epoch) this.#last = Math.max(this.#last, to)
  }

  /** Compares `last` with the end of the log. `now`: fill without waiting for live events, such as after a reconnect. */
  async #check(now: boolean): Promise<void> {
    const before = this.#last
    let extent: LogExtent
    try {
      extent = await this.#source.extent()
    } catch {
      // The next check or reconnect will retry.
      return
    }
    if (this.#stopped) return
    if (extent.created !== this.#created || extent.lastSeq < before) {
      this.#restart(extent)
    } else if (extent.lastSeq > this.#last) {
      const sure = now || (this.#suspected > this.#last && extent.lastSeq >= this.#suspected)
      this.#suspected = extent.lastSeq
      if (!sure) return
      this.#known = Math.max(this.#known, extent.lastSeq)
    }
    if (!this.#filling && this.#last < this.#known) await this.#fill()
  }

  /** The log was replaced or truncated: sequences start over, and every client is notified. */
  #restart(extent: LogExtent): void {
    const before = this.#last
    this.#options.observe?.(`the event log restarts at ${extent.firstSeq}, was at ${before}`)
    // Held events may belong to either log; those of the new one are read from it.
    this.#held = []
    this.#begin(extent)
    const position = extent.firstSeq - 1
    const notice = { event: 'reset', reason: 'log_replaced', from: extent.firstSeq, to: extent.lastSeq } as const
    for (const client of this.#clients) client.moveTo(position, notice)
  }
}
