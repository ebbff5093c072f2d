import { Type } from 'typebox'
import { Nullable, SubscriptionId } from '../foundation/ids.ts'
import { Webhook, WebhookCreate, WebhookPatch, WebhookTest } from '../webhooks/webhook.ts'
import { CommandId, verbsOf } from './verb.ts'

const commandId = { commandId: CommandId }
const id = { id: SubscriptionId }

/** lane.cmd.webhooks.* */
export const Webhooks = verbsOf('webhooks', {
  list: { request: Type.Object({}), reply: Type.Object({ webhooks: Type.Array(Webhook), nextCursor: Type.Null() }) },
  create: { request: Type.Object({ ...commandId, body: WebhookCreate }), reply: Webhook },
  get: { request: Type.Object({ ...id }), reply: Webhook },
  patch: { request: Type.Object({ ...commandId, ...id, body: WebhookPatch }), reply: Webhook },
  delete: { request: Type.Object({ ...commandId, ...id }), reply: Type.Object({ ...id }) },
  test: { request: Type.Object({ ...commandId, ...id }), reply: WebhookTest },
  health: {
    request: Type.Object({}),
    reply: Type.Object({
      instance: Type.String(),
      leading: Type.Boolean(),
      lag: Nullable(Type.Integer({ minimum: 0, description: 'Stored events not matched yet; null: unknown' })),
    }),
  },
})
