import { createHash } from 'node:crypto'
import { CommandRecord, Nullable, Scope, SECRET_MASK, SubscriptionId, scopeKinds, Timestamp, type Webhook } from '@codex-bridge/contracts'
import { type Static, Type } from 'typebox'

/** A subscription as stored, under `sub.<id>`. */
export const SubscriptionRecord = Type.Object({
  id: SubscriptionId,
  url: Type.String(),
  events: Type.Array(Type.String()),
  enabled: Type.Boolean(),
  scope: Scope,
  /** Sealed by SecretBox. */
  secret: Nullable(Type.String()),
  createdAt: Timestamp,
  updatedAt: Timestamp,
  /** End of the event log at its creation: it gets no older events. */
  createdSeq: Type.Integer({ minimum: 0 }),
  /** End of the event log when it was last enabled again: it gets no events stored while it was disabled. */
  enabledSeq: Type.Optional(Type.Integer({ minimum: 0 })),
  /** Fingerprint of the creating command. */
  createdBy: Type.String(),
  /** When url, secret or enabled last changed. Failures and waits of an earlier endpoint do not count for this one. */
  endpointSince: Timestamp,
  /** Commands carried out, so that a retried one is not carried out twice. */
  commands: Type.Array(CommandRecord),
  /** Why the dispatcher disabled it. */
  disabledReason: Nullable(Type.String()),
  /** A deleted record is kept for a while: a retried command finds it, and a leader that missed the deletion drops its jobs. */
  deletedAt: Nullable(Timestamp),
})
export type SubscriptionRecord = Static<typeof SubscriptionRecord>

/** Recent results of deliveries, under `status.<id>`. Separate from the record, so that it does not contend with edits. */
export const SubscriptionStatus = Type.Object({
  lastDeliveryAt: Nullable(Timestamp),
  lastError: Nullable(Type.String()),
  /** First failure after the last success. */
  failingSince: Nullable(Timestamp),
})
export type SubscriptionStatus = Static<typeof SubscriptionStatus>

export const NO_STATUS: SubscriptionStatus = { lastDeliveryAt: null, lastError: null, failingSince: null }

/** The id is derived from the creating command, so that a retried create finds its first try. */
export const subscriptionIdOf = (commandId: string): string => `wh_${hash(`subscription ${commandId}`)}`

/** The id of a test event is derived from the command that asked for the test. */
export const testEventIdOf = (subscriptionId: string, commandId: string): string => `evt_${hash(`test ${subscriptionId} ${commandId}`)}`

/** The key receivers dedupe by. */
export const eventKeyOf = (subscriptionId: string, eventId: string): string => `${subscriptionId}:${eventId}`

/** Identifies a delivery over all its attempts. */
export const deliveryIdOf = (eventKey: string): string => `dlv_${hash(`delivery ${eventKey}`)}`

const hash = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 26)

/** A subscription as the API shows it. */
export const webhookOf = (record: SubscriptionRecord, status: SubscriptionStatus): Webhook => ({
  id: record.id,
  url: record.url,
  events: record.events,
  enabled: record.enabled,
  scope: record.scope,
  scopeKinds: scopeKinds(record.scope),
  secret: record.secret === null ? null : SECRET_MASK,
  createdAt: record.createdAt,
  updatedAt: record.updatedAt,
  lastDeliveryAt: status.lastDeliveryAt,
  lastError: record.disabledReason ?? status.lastError,
})
