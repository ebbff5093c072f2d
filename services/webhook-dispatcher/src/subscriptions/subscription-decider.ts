import {
  BridgeError,
  normalizeScope,
  type Problem,
  rememberCommand,
  SECRET_MASK,
  type WebhookCreate,
  type WebhookPatch,
} from '@codex-bridge/contracts'
import { type Network, targetProblems } from '../http/address-policy.ts'
import { isUsableSecret } from '../http/webhook-signer.ts'
import { type SubscriptionRecord, subscriptionIdOf } from './subscription-record.ts'

/** Input of a decision apart from the request: which command, when, and how a secret is sealed. */
export type DecisionContext = {
  commandId: string
  /** Hash of verb and body. */
  fingerprint: string
  now: string
  allowedNetworks: readonly Network[]
  seal: (subscriptionId: string, secret: string) => string
}

/**
 * The record of a new subscription.
 * @param endSeq end of the event log
 * @throws BridgeError `validation_error`
 */
export const createSubscription = (body: WebhookCreate, endSeq: number, context: DecisionContext): SubscriptionRecord => {
  refuse(bodyProblems(body, context.allowedNetworks))
  const id = subscriptionIdOf(context.commandId)
  return {
    id,
    url: body.url,
    events: body.events,
    enabled: body.enabled ?? true,
    scope: normalizeScope(body.scope),
    secret: body.secret === undefined ? null : context.seal(id, body.secret),
    createdAt: context.now,
    updatedAt: context.now,
    createdSeq: endSeq,
    createdBy: context.fingerprint,
    endpointSince: context.now,
    commands: [],
    disabledReason: null,
    deletedAt: null,
  }
}

/**
 * A create whose id exists already: a retry gets the first answer.
 * @throws BridgeError `idempotency_key_reused` if the first one had another body
 */
export const repeatCreate = (existing: SubscriptionRecord, context: Pick<DecisionContext, 'fingerprint'>): SubscriptionRecord => {
  if (existing.createdBy !== context.fingerprint) throw new BridgeError('idempotency_key_reused')
  return existing
}

/**
 * The record after a change; undefined if this command was carried out before.
 * @param endSeq end of the event log
 * @throws BridgeError `webhook_not_found`, `validation_error`, `idempotency_key_reused`
 */
export const patchSubscription = (
  record: SubscriptionRecord | undefined,
  patch: WebhookPatch,
  endSeq: number,
  context: DecisionContext,
): SubscriptionRecord | undefined => {
  const live = existing(record)
  if (isRepeat(live, context)) return
  refuse(bodyProblems(patch, context.allowedNetworks))
  const enabled = patch.enabled ?? live.enabled
  const newEndpoint = (patch.url !== undefined && patch.url !== live.url) || patch.secret !== undefined || enabled !== live.enabled
  return {
    ...live,
    url: patch.url ?? live.url,
    events: patch.events ?? live.events,
    enabled,
    ...(enabled && !live.enabled && { enabledSeq: endSeq }),
    scope: patch.scope === undefined ? live.scope : normalizeScope(patch.scope),
    secret: patch.secret === undefined ? live.secret : context.seal(live.id, patch.secret),
    updatedAt: context.now,
    endpointSince: newEndpoint ? context.now : live.endpointSince,
    commands: remembered(live, 'patch', context),
    disabledReason: enabled ? null : live.disabledReason,
  }
}

/**
 * The record after its deletion; undefined if this command was carried out before.
 * @throws BridgeError `webhook_not_found`, `idempotency_key_reused`
 */
export const deleteSubscription = (
  record: SubscriptionRecord | undefined,
  context: Pick<DecisionContext, 'commandId' | 'fingerprint' | 'now'>,
): SubscriptionRecord | undefined => {
  if (record && isRepeat(record, context)) return
  const live = existing(record)
  return {
    ...live,
    enabled: false,
    secret: null,
    updatedAt: context.now,
    deletedAt: context.now,
    commands: remembered(live, 'delete', context),
  }
}

/** The record after the dispatcher disabled it; undefined if there is nothing to disable. */
export const disableSubscription = (record: SubscriptionRecord | undefined, reason: string, now: string): SubscriptionRecord | undefined =>
  record && record.deletedAt === null && record.enabled
    ? { ...record, enabled: false, disabledReason: reason, updatedAt: now, endpointSince: now }
    : undefined

const existing = (record: SubscriptionRecord | undefined): SubscriptionRecord => {
  if (!record || record.deletedAt !== null) throw new BridgeError('webhook_not_found')
  return record
}

const isRepeat = (record: SubscriptionRecord, context: Pick<DecisionContext, 'commandId' | 'fingerprint'>): boolean => {
  const known = record.commands.find(({ commandId }) => commandId === context.commandId)
  if (known && known.fingerprint !== context.fingerprint) throw new BridgeError('idempotency_key_reused')
  return known !== undefined
}

const remembered = (
  record: SubscriptionRecord,
  verb: string,
  { commandId, fingerprint }: Pick<DecisionContext, 'commandId' | 'fingerprint'>,
) => rememberCommand(record.commands, { commandId, fingerprint, verb, answer: {} })

const bodyProblems = (body: WebhookPatch, allowed: readonly Network[]): Problem[] => [
  ...(body.url === undefined ? [] : targetProblems(body.url, allowed)),
  ...(body.secret === SECRET_MASK ? [{ path: '/secret', message: 'is the mask shown instead of a secret, not a secret' }] : []),
  ...(body.secret !== undefined && !isUsableSecret(body.secret) ? [{ path: '/secret', message: 'must be base64 after whsec_' }] : []),
]

const refuse = (problems: Problem[]): void => {
  if (problems.length > 0) throw new BridgeError('validation_error', 'The request does not fit its schema', { details: problems })
}
