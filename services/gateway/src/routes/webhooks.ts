import { WebhookCreate, WebhookPatch, Webhooks } from '@codex-bridge/contracts'
import { command, read } from '../bus/bus-routes.ts'
import type { Route } from '../http/route.ts'

/** Webhook subscriptions. */
export const webhookRoutes: readonly Route[] = [
  /**
   * @openapi
   * /webhooks:
   *   get:
   *     tags: [webhooks]
   *     summary: List subscriptions
   *     description: Every subscription with the state of its deliveries. Secrets are masked.
   */
  read({ path: '/webhooks', verb: Webhooks.list, request: () => ({}) }),

  /**
   * @openapi
   * /webhooks:
   *   post:
   *     tags: [webhooks]
   *     summary: Create a subscription
   *     description: Events stored after the response are delivered to `url`, at least once and in order per lane.
   */
  command({
    path: '/webhooks',
    body: WebhookCreate,
    status: 201,
    verb: Webhooks.create,
    errors: ['conflict'],
    request: ({ body, commandId }) => ({ commandId, body }),
  }),

  /**
   * @openapi
   * /webhooks/{id}:
   *   get:
   *     tags: [webhooks]
   *     summary: Read a subscription
   *     description: The subscription with the state of its deliveries. The secret is masked.
   */
  read({ path: '/webhooks/{id}', verb: Webhooks.get, request: ({ path }) => path }),

  /**
   * @openapi
   * /webhooks/{id}:
   *   patch:
   *     tags: [webhooks]
   *     summary: Change a subscription
   *     description: Only the fields in the body are changed.
   */
  command({
    method: 'patch',
    path: '/webhooks/{id}',
    body: WebhookPatch,
    status: 200,
    verb: Webhooks.patch,
    errors: ['conflict'],
    request: ({ path, body, commandId }) => ({ ...path, commandId, body }),
  }),

  /**
   * @openapi
   * /webhooks/{id}:
   *   delete:
   *     tags: [webhooks]
   *     summary: Delete a subscription
   *     description: Pending deliveries are dropped.
   */
  command({
    method: 'delete',
    path: '/webhooks/{id}',
    status: 204,
    verb: Webhooks.delete,
    errors: ['conflict'],
    request: ({ path, commandId }) => ({ ...path, commandId }),
  }),

  /**
   * @openapi
   * /webhooks/{id}/test:
   *   post:
   *     tags: [webhooks]
   *     summary: Send a test event
   *     description: Queues a `webhook.test` event for this subscription; it is delivered like any other event.
   */
  command({
    path: '/webhooks/{id}/test',
    status: 202,
    verb: Webhooks.test,
    errors: ['conflict'],
    request: ({ path, commandId }) => ({ ...path, commandId }),
  }),
]
