import { BUCKETS, type BusRole, STREAMS } from '@codex-bridge/contracts'
import { inboxPrefix } from '../connection/connection.ts'

/** What a role may publish and subscribe to. Ownership of an aggregate is a permission, not a convention. */
export type Permissions = { publish: string[]; subscribe: string[] }

const readStream = (stream: string): string[] => [
  `$JS.API.STREAM.MSG.GET.${stream}`,
  `$JS.API.DIRECT.GET.${stream}`,
  `$JS.API.DIRECT.GET.${stream}.>`,
  `$JS.API.CONSUMER.CREATE.${stream}`,
  `$JS.API.CONSUMER.CREATE.${stream}.>`,
  `$JS.API.CONSUMER.INFO.${stream}.*`,
  `$JS.API.CONSUMER.MSG.NEXT.${stream}.*`,
  `$JS.API.CONSUMER.DELETE.${stream}.*`,
  `$JS.ACK.${stream}.>`,
]

const readBucket = (bucket: string): string[] => readStream(`KV_${bucket}`)
const writeBucket = (bucket: string, keys = '>'): string[] => [...readBucket(bucket), `$KV.${bucket}.${keys}`]

/** Every service reads the declared configuration back at start. */
const verifying = ['$JS.API.INFO', '$JS.API.STREAM.INFO.*']
const serviceDiscovery = ['$SRV.>']
const events = readStream(STREAMS.events)

const publishes: Record<Exclude<BusRole, 'migrator'>, string[]> = {
  gateway: [...events, 'lane.cmd.>', ...serviceDiscovery],
  'lane-registry': [
    ...events,
    'lane.evt.*.lane',
    // Retention: the events of deleted lanes.
    `$JS.API.STREAM.PURGE.${STREAMS.events}`,
    'lane.cmd.runner.*',
    'lane.cmd.session.*.*',
    'lane.cmd.codex.*',
    ...writeBucket(BUCKETS.leases),
    ...writeBucket(BUCKETS.settings),
    ...writeBucket(BUCKETS.commands),
  ],
  'session-runner': [...events, 'lane.evt.*.session', 'lane.delta.*', ...writeBucket(BUCKETS.leases), ...readBucket(BUCKETS.settings)],
  approvals: [...events, 'lane.evt.*.approval', ...writeBucket(BUCKETS.leases), ...writeBucket(BUCKETS.settings)],
  'webhook-dispatcher': [
    ...events,
    'lane.job.webhook.*',
    'lane.dead.webhook.*',
    ...readStream(STREAMS.jobs),
    `$JS.API.CONSUMER.DURABLE.CREATE.${STREAMS.jobs}.*`,
    `$JS.API.STREAM.PURGE.${STREAMS.jobs}`,
    ...readStream(STREAMS.dead),
    ...writeBucket(BUCKETS.leases),
    ...writeBucket(BUCKETS.webhooks),
    ...writeBucket(BUCKETS.settings),
  ],
  observer: events,
}

const subscribes: Record<Exclude<BusRole, 'migrator'>, string[]> = {
  gateway: ['lane.live.>', 'lane.delta.*'],
  'lane-registry': ['lane.cmd.registry.*', 'lane.live.>', ...serviceDiscovery],
  'session-runner': ['lane.cmd.session.*.*', 'lane.cmd.runner.*', 'lane.cmd.codex.*', ...serviceDiscovery],
  approvals: ['lane.cmd.approvals.*', ...serviceDiscovery],
  'webhook-dispatcher': ['lane.cmd.webhooks.*', ...serviceDiscovery],
  observer: ['lane.evt.>', 'lane.live.>', 'lane.delta.*'],
}

/**
 * Whose requests a role answers; the migrator, who may do everything, is answered by all. The server's own permission to
 * answer is forgotten with the connection on which the request came, so that an answer which is ready only after a reconnect
 * would be refused and its asker would wait in vain.
 */
const answers: Partial<Record<BusRole, BusRole[]>> = {
  'lane-registry': ['gateway'],
  'session-runner': ['gateway', 'lane-registry'],
  approvals: ['gateway'],
  'webhook-dispatcher': ['gateway'],
}

const inboxOf = (role: BusRole): string => `${inboxPrefix(role)}.>`

/** The permissions of a role, for the server's configuration. */
export const permissionsOf = (role: BusRole): Permissions =>
  role === 'migrator'
    ? { publish: ['>'], subscribe: ['>'] }
    : {
        publish: [...verifying, ...publishes[role], ...[...(answers[role] ?? []), 'migrator' as const].map(inboxOf)],
        subscribe: [...subscribes[role], inboxOf(role)],
      }
