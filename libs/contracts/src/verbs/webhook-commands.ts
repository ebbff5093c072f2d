import { type Static, Type } from 'typebox'
import { SubscriptionId } from '../foundation/ids.ts'
import { WebhookCreate, WebhookPatch } from '../webhooks/webhook.ts'
import { CommandId } from './commands.ts'

/** lane.cmd.webhooks.* */
export const WebhookRequests = {
  list: Type.Object({}),
  create: Type.Object({ commandId: CommandId, body: WebhookCreate }),
  get: Type.Object({ id: SubscriptionId }),
  patch: Type.Object({ commandId: CommandId, id: SubscriptionId, body: WebhookPatch }),
  delete: Type.Object({ commandId: CommandId, id: SubscriptionId }),
  test: Type.Object({ commandId: CommandId, id: SubscriptionId }),
  health: Type.Object({}),
} as const
export type WebhookVerb = keyof typeof WebhookRequests
export type WebhookRequest<V extends WebhookVerb> = Static<(typeof WebhookRequests)[V]>
