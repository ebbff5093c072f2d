import { BridgeError, EmptyBody, SubscriptionId, validator, WebhookCreate, WebhookPatch, Webhooks } from '@codex-bridge/contracts'
import { answerCommand, answerText } from '../http/answers.ts'
import type { GatewayContext } from '../http/gateway-context.ts'
import type { RouteModule } from './gateway-router.ts'

const checkCreate = validator(WebhookCreate)
const checkPatch = validator(WebhookPatch)
const checkEmpty = validator(EmptyBody)
const checkId = validator(SubscriptionId)

/** An id that no subscription can have is one that none has. */
const idOf = (ctx: GatewayContext): string => {
  try {
    return checkId(ctx.params['id'])
  } catch {
    throw new BridgeError('webhook_not_found')
  }
}

/** Webhook subscriptions. */
export const webhookRoutes: RouteModule = (mount, bus) => {
  /**
   * @openapi
   * /webhooks:
   *   get:
   *     tags: [webhooks]
   *     summary: List subscriptions
   *     responses:
   *       200: { description: Subscriptions, content: { application/json: { schema: { $ref: '#/components/schemas/WebhookList' } } } }
   *       503: { $ref: '#/components/responses/Unavailable' }
   *   post:
   *     tags: [webhooks]
   *     summary: Create a subscription
   *     parameters:
   *       - $ref: '#/components/parameters/IdempotencyKey'
   *     requestBody:
   *       required: true
   *       content: { application/json: { schema: { $ref: '#/components/schemas/WebhookCreate' } } }
   *     responses:
   *       201: { description: The subscription, content: { application/json: { schema: { $ref: '#/components/schemas/Webhook' } } } }
   *       202: { $ref: '#/components/responses/Unknown' }
   *       400: { $ref: '#/components/responses/BadRequest' }
   *       413: { $ref: '#/components/responses/TooLarge' }
   *       415: { $ref: '#/components/responses/MediaType' }
   *       422: { $ref: '#/components/responses/KeyReused' }
   *       503: { $ref: '#/components/responses/Unavailable' }
   */
  mount('get', '/webhooks', async (ctx) => answerText(ctx, 200, await bus.read(Webhooks.list, {})))
  mount('post', '/webhooks', (ctx) => {
    const body = checkCreate(ctx.state.json)
    return answerCommand(ctx, { status: 201 }, (commandId) => bus.command(Webhooks.create, { commandId, body }))
  })

  /**
   * @openapi
   * /webhooks/{id}:
   *   parameters:
   *     - $ref: '#/components/parameters/SubscriptionId'
   *   get:
   *     tags: [webhooks]
   *     summary: Read a subscription
   *     responses:
   *       200: { description: The subscription, content: { application/json: { schema: { $ref: '#/components/schemas/Webhook' } } } }
   *       404: { $ref: '#/components/responses/NotFound' }
   *       503: { $ref: '#/components/responses/Unavailable' }
   *   patch:
   *     tags: [webhooks]
   *     summary: Change parts of a subscription
   *     parameters:
   *       - $ref: '#/components/parameters/IdempotencyKey'
   *     requestBody:
   *       required: true
   *       content: { application/json: { schema: { $ref: '#/components/schemas/WebhookPatch' } } }
   *     responses:
   *       200: { description: The subscription, content: { application/json: { schema: { $ref: '#/components/schemas/Webhook' } } } }
   *       202: { $ref: '#/components/responses/Unknown' }
   *       400: { $ref: '#/components/responses/BadRequest' }
   *       404: { $ref: '#/components/responses/NotFound' }
   *       413: { $ref: '#/components/responses/TooLarge' }
   *       415: { $ref: '#/components/responses/MediaType' }
   *       422: { $ref: '#/components/responses/KeyReused' }
   *       503: { $ref: '#/components/responses/Unavailable' }
   *   delete:
   *     tags: [webhooks]
   *     summary: Delete a subscription
   *     parameters:
   *       - $ref: '#/components/parameters/IdempotencyKey'
   *     responses:
   *       204: { description: Deleted }
   *       202: { $ref: '#/components/responses/Unknown' }
   *       404: { $ref: '#/components/responses/NotFound' }
   *       503: { $ref: '#/components/responses/Unavailable' }
   */
  mount('get', '/webhooks/:id', async (ctx) => answerText(ctx, 200, await bus.read(Webhooks.get, { id: idOf(ctx) })))
  mount('patch', '/webhooks/:id', (ctx) => {
    const id = idOf(ctx)
    const body = checkPatch(ctx.state.json)
    return answerCommand(ctx, { status: 200 }, (commandId) => bus.command(Webhooks.patch, { commandId, id, body }))
  })
  mount('delete', '/webhooks/:id', (ctx) => {
    const id = idOf(ctx)
    return answerCommand(ctx, { status: 204 }, (commandId) => bus.command(Webhooks.delete, { commandId, id }))
  })

  /**
   * @openapi
   * /webhooks/{id}/test:
   *   parameters:
   *     - $ref: '#/components/parameters/SubscriptionId'
   *   post:
   *     tags: [webhooks]
   *     summary: Send webhook.test through the normal dispatch path
   *     parameters:
   *       - $ref: '#/components/parameters/IdempotencyKey'
   *     responses:
   *       202: { description: On its way, content: { application/json: { schema: { type: object } } } }
   *       400: { $ref: '#/components/responses/BadRequest' }
   *       404: { $ref: '#/components/responses/NotFound' }
   *       503: { $ref: '#/components/responses/Unavailable' }
   */
  mount('post', '/webhooks/:id/test', (ctx) => {
    const id = idOf(ctx)
    checkEmpty(ctx.state.json)
    return answerCommand(ctx, { status: 202 }, (commandId) => bus.command(Webhooks.test, { commandId, id }))
  })
}
