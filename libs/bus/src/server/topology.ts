import { BridgeError, BUCKETS, MAX_MESSAGE_BYTES, STREAMS, subjects } from '@codex-bridge/contracts'
import { DiscardPolicy, type JetStreamManager, nanos, RetentionPolicy, StorageType, type StreamConfig, type StreamInfo } from 'nats'
import type { Bus } from '../bus.ts'
import { LEASE_TTL_MS } from '../leases/lease.ts'

const GIB = 1024 ** 3
const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS

/** Events kept per lane and aggregate; the newest, which carries the state, always stays. */
const EVENTS_PER_SUBJECT = 10_000

type Declared = Partial<StreamConfig> & { name: string; subjects: string[] }

/** Every stream and bucket of the bridge. Read docs/architecture.md for why each limit is what it is. */
export const topology = (replicas: number): Declared[] => [
  {
    name: STREAMS.events,
    subjects: [subjects.allEvents],
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    discard: DiscardPolicy.Old,
    max_age: 0,
    max_msgs_per_subject: EVENTS_PER_SUBJECT,
    max_msg_size: MAX_MESSAGE_BYTES,
    duplicate_window: nanos(2 * MINUTE_MS),
    allow_direct: true,
    num_replicas: replicas,
    republish: { src: 'lane.evt.>', dest: 'lane.live.>' },
  },
  {
    name: STREAMS.jobs,
    subjects: [subjects.jobs],
    retention: RetentionPolicy.Workqueue,
    storage: StorageType.File,
    discard: DiscardPolicy.New,
    max_bytes: 8 * GIB,
    max_msg_size: 2 * MAX_MESSAGE_BYTES,
    duplicate_window: nanos(HOUR_MS),
    num_replicas: replicas,
  },
  {
    name: STREAMS.dead,
    subjects: [subjects.deads],
    retention: RetentionPolicy.Limits,
    storage: StorageType.File,
    discard: DiscardPolicy.Old,
    max_age: nanos(30 * DAY_MS),
    max_msg_size: 2 * MAX_MESSAGE_BYTES,
    num_replicas: replicas,
  },
  bucket(BUCKETS.leases, replicas, { max_age: nanos(LEASE_TTL_MS) }),
  bucket(BUCKETS.webhooks, replicas),
  bucket(BUCKETS.settings, replicas),
  // Clients retry for minutes, not for days. When it is full, the oldest commands are forgotten first.
  bucket(BUCKETS.commands, replicas, { max_age: nanos(DAY_MS), max_bytes: GIB / 4, discard: DiscardPolicy.Old }),
]

/** A key-value bucket is a stream of this form; declaring it here lets one step create and verify everything. */
const bucket = (name: string, replicas: number, extra: Partial<StreamConfig> = {}): Declared => ({
  name: `KV_${name}`,
  subjects: [`$KV.${name}.>`],
  retention: RetentionPolicy.Limits,
  storage: StorageType.File,
  discard: DiscardPolicy.New,
  max_msgs_per_subject: 1,
  allow_direct: true,
  allow_rollup_hdrs: true,
  deny_delete: true,
  num_replicas: replicas,
  ...extra,
})

/** Creates what is missing and updates what differs. Run by one process with the migrator's credential; repeating it changes nothing. */
export const applyTopology = async (bus: Bus, replicas = 1): Promise<void> => {
  for (const declared of topology(replicas)) {
    const present = await infoOf(bus.jsm, declared.name)
    if (!present) await bus.jsm.streams.add(withDefaults(declared))
    else if (mismatches(declared, present).length > 0) await bus.jsm.streams.update(declared.name, withDefaults(declared))
  }
  await verifyTopology(bus, replicas)
}

/**
 * Reads everything back and compares: older servers accept options they do not know and drop them silently.
 * @throws BridgeError `bus_unavailable` naming each stream and field that is not as declared
 */
export const verifyTopology = async (bus: Bus, replicas?: number): Promise<void> => {
  const wrong: string[] = []
  for (const declared of topology(replicas ?? 1)) {
    const present = await infoOf(bus.jsm, declared.name)
    if (present) wrong.push(...mismatches(declared, present, replicas === undefined ? ['num_replicas'] : []))
    else wrong.push(`${declared.name} does not exist`)
  }
  if (wrong.length > 0) throw new BridgeError('bus_unavailable', `NATS is not set up as declared: ${wrong.join('; ')}`, { details: wrong })
}

const withDefaults = (declared: Declared): Partial<StreamConfig> => ({
  max_consumers: -1,
  max_msgs: -1,
  max_bytes: -1,
  max_age: 0,
  max_msg_size: -1,
  ...declared,
})

const infoOf = async (jsm: JetStreamManager, name: string): Promise<StreamInfo | undefined> => {
  try {
    return await jsm.streams.info(name)
  } catch (error) {
    if (String(error).includes('stream not found')) return
    throw new BridgeError('bus_unavailable', `JetStream does not answer for ${name}`, { cause: error })
  }
}

const mismatches = (declared: Declared, present: StreamInfo, ignore: string[] = []): string[] =>
  Object.entries(declared)
    .filter(([field]) => !ignore.includes(field))
    .filter(([field, wanted]) => !same(wanted, present.config[field as keyof StreamConfig]))
    .map(
      ([field, wanted]) =>
        `${declared.name}.${field} should be ${JSON.stringify(wanted)}, is ${JSON.stringify(present.config[field as keyof StreamConfig])}`,
    )

const same = (wanted: unknown, actual: unknown): boolean => {
  if (wanted !== null && typeof wanted === 'object' && !Array.isArray(wanted)) {
    return Object.entries(wanted).every(([key, value]) => same(value, (actual as Record<string, unknown> | undefined)?.[key]))
  }
  return JSON.stringify(wanted ?? null) === JSON.stringify(actual ?? (typeof wanted === 'number' ? 0 : null))
}
