import { Type } from 'typebox'

/**
 * The grammar of a lane id. A lane id becomes one token of a NATS subject and one key of a KV bucket,
 * so nothing outside it may ever reach the bus: a space or CRLF in a subject ends the whole connection.
 */
export const LANE_ID_PATTERN = '^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$'

const laneId = new RegExp(LANE_ID_PATTERN)

/** True for a string that may be used as a lane id. */
export const isLaneId = (value: unknown): value is string => typeof value === 'string' && laneId.test(value)

export const LaneId = Type.String({ pattern: LANE_ID_PATTERN, description: 'Lane id: letters, digits, "_" and "-", at most 64' })
export const ApprovalId = Type.String({ pattern: '^apr_[A-Za-z0-9]{1,64}$', description: 'Approval id' })
export const SubscriptionId = Type.String({ pattern: '^wh_[A-Za-z0-9]{1,64}$', description: 'Webhook subscription id' })
export const Timestamp = Type.String({ format: 'date-time', description: 'ISO-8601 instant, UTC' })

/** The aggregates that own one event subject per lane each. */
export const AGGREGATES = ['lane', 'session', 'approval'] as const
export type Aggregate = (typeof AGGREGATES)[number]

/** A nullable field: present always, `null` where there is no value. */
export const Nullable = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) => Type.Union([schema, Type.Null()])
