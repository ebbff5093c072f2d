import { type Static, Type } from 'typebox'
import { LaneId, Nullable, SubscriptionId, Timestamp } from '../foundation/ids.ts'

const ids = <T extends Parameters<typeof Type.Array>[0]>(item: T) => Type.Array(item, { maxItems: 1000, uniqueItems: true })
const ThreadId = Type.String({ minLength: 1, maxLength: 128 })

/** A scope as stored and sent: plural lists only. An empty or absent dimension does not restrict. */
export const Scope = Type.Object(
  {
    laneIds: Type.Optional(ids(LaneId)),
    threadIds: Type.Optional(ids(ThreadId)),
    sessionIds: Type.Optional(ids(LaneId)),
  },
  { additionalProperties: false, description: 'Dimensions are ANDed; values inside one are alternatives' },
)
export type Scope = Static<typeof Scope>

/** A scope as a client may write it: singular and plural forms. */
export const ScopeInput = Type.Object(
  {
    ...Scope.properties,
    laneId: Type.Optional(LaneId),
    threadId: Type.Optional(ThreadId),
    sessionId: Type.Optional(LaneId),
  },
  { additionalProperties: false },
)
export type ScopeInput = Static<typeof ScopeInput>

/** `lane.completed`, `lane.*`, `*`: see pattern.ts for the language. */
export const EventPattern = Type.String({ pattern: '^(\\*|[A-Za-z0-9_/-]+(\\.[A-Za-z0-9_/-]+)*(\\.\\*)?)$', maxLength: 128 })

/** What stands for a secret that is set. Refused as a new secret, so that a read-modify-write cannot overwrite the real one. */
export const SECRET_MASK = '********'

const WebhookUrl = Type.String({ pattern: '^https?://[^\\s]+$', maxLength: 2048 })

export const WebhookCreate = Type.Object(
  {
    url: WebhookUrl,
    events: Type.Array(EventPattern, { minItems: 1, maxItems: 100 }),
    enabled: Type.Optional(Type.Boolean()),
    secret: Type.Optional(Type.String({ minLength: 1, maxLength: 512 })),
    scope: Type.Optional(ScopeInput),
  },
  { $id: 'WebhookCreate', additionalProperties: false },
)
export type WebhookCreate = Static<typeof WebhookCreate>

export const WebhookPatch = Type.Partial(WebhookCreate, { $id: 'WebhookPatch', additionalProperties: false, minProperties: 1 })
export type WebhookPatch = Static<typeof WebhookPatch>

/** A subscription as the API shows it: the secret itself never leaves the dispatcher. */
export const Webhook = Type.Object(
  {
    id: SubscriptionId,
    url: WebhookUrl,
    events: Type.Array(EventPattern),
    enabled: Type.Boolean(),
    // Open to new dimensions: replies may come from a newer service.
    scope: Type.Object(Scope.properties, { description: 'Dimensions are ANDed; values inside one are alternatives' }),
    scopeKinds: Type.Array(Type.Enum(['lane', 'thread', 'session'])),
    secret: Nullable(Type.Literal(SECRET_MASK, { description: 'Set, and never shown; null where none is set' })),
    createdAt: Timestamp,
    updatedAt: Timestamp,
    lastDeliveryAt: Nullable(Timestamp),
    lastError: Nullable(Type.String()),
  },
  { $id: 'Webhook', description: 'A destination, an event matcher and an optional scope' },
)
export type Webhook = Static<typeof Webhook>

/** A test delivery that was queued. */
export const WebhookTest = Type.Object({ deliveryId: Type.String(), eventId: Type.String(), queued: Type.Literal(true) })
export type WebhookTest = Static<typeof WebhookTest>

/** The body of every delivery, field for field the contract's envelope. */
export const WebhookEnvelope = Type.Object(
  {
    id: Type.String({ description: 'Delivery id: the same over all attempts of one delivery' }),
    ts: Timestamp,
    source: Type.Literal('oai-app-proxy'),
    eventKey: Type.String({ description: 'subscriptionId:eventId, the key to dedupe by' }),
    eventId: Type.String(),
    subscriptionId: SubscriptionId,
    eventType: Type.String(),
    laneId: Type.String(),
    threadId: Nullable(Type.String()),
    sessionId: Nullable(Type.String()),
    scope: Type.Object({ laneIds: Type.Array(Type.String()), threadIds: Type.Array(Type.String()), sessionIds: Type.Array(Type.String()) }),
    payload: Type.Record(Type.String(), Type.Unknown()),
    event: Type.Record(Type.String(), Type.Unknown(), { description: 'The whole event as on the bus, with its seq' }),
  },
  { $id: 'WebhookEnvelope' },
)
export type WebhookEnvelope = Static<typeof WebhookEnvelope>
