import { BridgeError } from './errors.ts'
import { AGGREGATES, type Aggregate, isLaneId } from './ids.ts'

/** Names of streams and buckets; their configuration is libs/bus topology. */
export const STREAMS = { events: 'LANE_EVENTS', jobs: 'LANE_JOBS', dead: 'LANE_DEAD' } as const
export const BUCKETS = {
  leases: 'lane-leases',
  webhooks: 'lane-webhooks',
  settings: 'lane-settings',
  /** Commands on threads outside every lane. */
  commands: 'lane-commands',
} as const

/** Names of the checkpoints that services keep in the settings bucket: how far each has handled the event log. */
export const CHECKPOINTS = { registry: 'lane-registry', approvals: 'approvals', webhooks: 'webhooks' } as const

const token = (id: string, what: string): string => {
  if (isLaneId(id)) return id
  throw new BridgeError('validation_error', `${what} is not a valid id`, {
    details: [{ path: `/${what}`, message: 'must match the id grammar' }],
  })
}

/** Every subject of the bridge is built here, and every id in one is checked here. */
export const subjects = {
  event: (laneId: string, aggregate: Aggregate) => `lane.evt.${token(laneId, 'laneId')}.${aggregate}`,
  laneEvents: (laneId: string) => `lane.evt.${token(laneId, 'laneId')}.*`,
  aggregateEvents: (aggregate: Aggregate) => `lane.evt.*.${aggregate}`,
  allEvents: 'lane.evt.*.*',
  liveEvents: 'lane.live.>',
  delta: (laneId: string) => `lane.delta.${token(laneId, 'laneId')}`,
  deltas: 'lane.delta.*',
  job: (subscriptionId: string) => `lane.job.webhook.${token(subscriptionId, 'subscriptionId')}`,
  jobs: 'lane.job.webhook.*',
  dead: (subscriptionId: string) => `lane.dead.webhook.${token(subscriptionId, 'subscriptionId')}`,
  deads: 'lane.dead.webhook.*',
  command: (service: string, verb: string) => `lane.cmd.${service}.${verb}`,
  session: (laneId: string, verb: string) => `lane.cmd.session.${token(laneId, 'laneId')}.${verb}`,
} as const

/** Reads `lane.evt.{laneId}.{aggregate}` or `lane.live.…`; undefined for any other subject. */
export const parseEventSubject = (subject: string): { laneId: string; aggregate: Aggregate } | undefined => {
  const [root, kind, laneId, aggregate, ...rest] = subject.split('.')
  if (root !== 'lane' || (kind !== 'evt' && kind !== 'live') || rest.length > 0 || !isLaneId(laneId)) return
  return AGGREGATES.includes(aggregate as Aggregate) ? { laneId, aggregate: aggregate as Aggregate } : undefined
}

/** The processes that hold a bus credential. `migrator` alone may create or change streams and buckets. */
export const BUS_ROLES = ['migrator', 'gateway', 'lane-registry', 'session-runner', 'approvals', 'webhook-dispatcher', 'observer'] as const
export type BusRole = (typeof BUS_ROLES)[number]
