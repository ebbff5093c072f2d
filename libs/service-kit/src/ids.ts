import { createHash, randomFillSync, randomUUID } from 'node:crypto'
import { monotonicFactory } from 'ulid'

const pool = new Uint8Array(2048)
let used = pool.length

/** A random number of [0, 1) in steps of 1/256, which is even over the 32 letters of a ULID. Asking the system for each letter alone costs more than the id. */
const random = (): number => {
  if (used === pool.length) {
    randomFillSync(pool)
    used = 0
  }
  const byte = pool[used] ?? 0
  used += 1
  return byte / 256
}

const ulid = monotonicFactory(random)

/** Id and time for an event; ids of one process sort in the order they were made. */
export const stampEvent = (): { id: string; ts: string } => ({ id: `evt_${ulid()}`, ts: new Date().toISOString() })

export const newId = (prefix: 'wh' | 'lane' | 'apr' | 'dlv'): string =>
  prefix === 'lane' ? `lane-${ulid().toLowerCase()}` : `${prefix}_${ulid()}`

export const newCommandId = (): string => `cmd_${randomUUID()}`

const LONGEST_COMMAND_ID = 128

/** Id of a step of a command: the same for every retry of it, and still within the limit. */
export const stepId = (commandId: string, step: string): string => {
  const plain = `${commandId}:${step}`
  return plain.length <= LONGEST_COMMAND_ID ? plain : `cmd_${createHash('sha256').update(plain).digest('hex')}`
}

/** Identifies what a command asks for: the same id with another fingerprint is a reused key. */
export const fingerprint = (verb: string, body: unknown): string =>
  createHash('sha256').update(verb).update('\0').update(canonicalJson(body)).digest('base64url').slice(0, 16)

/** A lane id that follows from a command id, so that a retried create without a lane id meets its first try. */
export const laneIdOfCommand = (commandId: string): string => `lane-${createHash('sha256').update(commandId).digest('hex').slice(0, 24)}`

/** JSON with sorted keys: two bodies that mean the same have the same text. */
const canonicalJson = (value: unknown): string =>
  JSON.stringify(value, (_key, inner: unknown) =>
    inner !== null && typeof inner === 'object' && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([left], [right]) => (left < right ? -1 : 1)))
      : inner,
  )
