import { createHash } from 'node:crypto'
import { type CommandRecord, type Scope, SECRET_MASK, scopeKinds, type Webhook } from '@codex-bridge/contracts'

/** A subscription as stored, under `sub.<id>`. */
export type SubscriptionRecord = {
  id: string
  url: string
  events: string[]
  enabled: boolean
  scope: Scope
  /** Sealed by SecretBox. */
  secret: string | null
  createdAt: string
  updatedAt: string
  /** End of the event log when it was created: what is older is not for it. */
  createdSeq: number
  /** What the creating command asked for. */
  createdBy: string
  /** When url, secret or enabled last changed: waits that an earlier endpoint earned do not count for this one. */
  endpointSince: string
  /** Changes already made, so that a retried one is not made twice. */
  commands: CommandRecord[]
  /** Why the dispatcher itself disabled it. */
  disabledReason: string | null
  /** Kept for a while after deletion: a retried command finds it, and a leader that missed it still drops its jobs. */
  deletedAt: string | null
}

/** What deliveries did lately, under `status.<id>`: apart from the record, so that it does not contend with edits. */
export type SubscriptionStatus = {
  lastDeliveryAt: string | null
  lastError: string | null
  /** First failure after the last success. */
  failingSince: string | null
}

export const NO_STATUS: SubscriptionStatus = { lastDeliveryAt: null, lastError: null, failingSince: null }

/** An id that follows from the creating command, so that a retried create meets its first try. */
export const subscriptionIdOf = (commandId: string): string => `wh_${hash(`subscription ${commandId}`)}`

/** An event id that follows from the command that asked for a test. */
export const testEventIdOf = (subscriptionId: string, commandId: string): string => `evt_${hash(`test ${subscriptionId} ${commandId}`)}`

/** The key to dedupe by. */
export const eventKeyOf = (subscriptionId: string, eventId: string): string => `${subscriptionId}:${eventId}`

/** Names a delivery over all its attempts. */
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
