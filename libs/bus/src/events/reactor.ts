import { BUCKETS, type EventEnvelope } from '@codex-bridge/contracts'
import { type Static, Type } from 'typebox'
import type { Bus } from '../bus.ts'
import type { Decode } from '../connection/codec.ts'
import { JsonBucket } from '../storage/json-bucket.ts'
import { followEvents } from './event-follower.ts'
import { EventLog } from './event-log.ts'

/** How often a moved checkpoint is stored, in milliseconds. Reactions are idempotent, so an old one only costs a re-read. */
const CHECKPOINT_EVERY_MS = 1000

/** How far a reaction got. */
export const Checkpoint = Type.Object({ seq: Type.Integer({ minimum: 0 }) })
export type Checkpoint = Static<typeof Checkpoint>

export type ReactorOptions<E extends EventEnvelope> = {
  bus: Bus
  /** Names the checkpoint. */
  name: string
  filter?: string
  decode: Decode<E>
  signal: AbortSignal
  observe?: (problem: string) => void
}

/**
 * Hands every event to a reaction, in order, from where the last run stopped. The reaction is run at least once per event:
 * it must do nothing the second time. One process per name at a time (see runAsLeader).
 */
export const runReactor = async <E extends EventEnvelope>(
  options: ReactorOptions<E>,
  react: (event: E) => Promise<void>,
): Promise<void> => {
  const checkpoints = await JsonBucket.open(options.bus, BUCKETS.settings, Checkpoint)
  const key = keyOf(options.name)
  let done = await reactorCheckpoint(options.bus, options.name)
  let stored = done
  const store = async () => {
    if (done === stored) return
    const seq = done
    await checkpoints.put(key, { seq }).then(
      () => {
        stored = seq
      },
      (error: unknown) => options.observe?.(`checkpoint not stored: ${String(error)}`),
    )
  }
  const timer = setInterval(() => void store(), CHECKPOINT_EVERY_MS)
  try {
    await followEvents(
      options.bus,
      {
        from: done + 1,
        decode: options.decode,
        signal: options.signal,
        ...(options.filter && { filter: options.filter }),
        ...(options.observe && { observe: options.observe }),
      },
      async (event) => {
        await react(event)
        done = event.seq
      },
    )
  } finally {
    clearInterval(timer)
    await store()
  }
}

/** Events that a reaction to all of them has not handled, whichever process runs it. Those of the last second may be counted. */
export const reactorLag = async (bus: Bus, name: string): Promise<number> => {
  const [{ lastSeq }, checkpoint] = await Promise.all([new EventLog(bus).extent(), reactorCheckpoint(bus, name)])
  return Math.max(0, lastSeq - checkpoint)
}

/**
 * Sequence up to which a reaction has certainly handled every event; 0 when it never ran. It is at most a second old while the reaction
 * runs. A checkpoint beyond the end belongs to a stream that was replaced, and counts as 0.
 */
export const reactorCheckpoint = async (bus: Bus, name: string): Promise<number> => {
  const checkpoints = await JsonBucket.open(bus, BUCKETS.settings, Checkpoint)
  const [{ lastSeq }, checkpoint] = await Promise.all([new EventLog(bus).extent(), checkpoints.get(keyOf(name))])
  const seq = checkpoint?.value.seq ?? 0
  return seq > lastSeq ? 0 : seq
}

const keyOf = (name: string): string => `checkpoint.${name}`
