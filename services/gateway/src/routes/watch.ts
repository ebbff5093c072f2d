import { Registry, WatchStart } from '@codex-bridge/contracts'
import { action, read } from '../bus/bus-routes.ts'
import type { Route } from '../http/route.ts'

/** The watcher: detects changes to the threads of lanes that were made outside the bridge. */
export const watchRoutes: readonly Route[] = [
  /**
   * @openapi
   * /watch/status:
   *   get:
   *     tags: [watch]
   *     summary: Read the state of the watcher
   *     description: Whether it runs, its interval, and the findings and errors of its last check.
   */
  read({ path: '/watch/status', verb: Registry.watchStatus, request: () => ({}) }),

  /**
   * @openapi
   * /watch/start:
   *   post:
   *     tags: [watch]
   *     summary: Start the watcher
   *     description: Also changes the interval of a watcher that is running.
   */
  action({
    path: '/watch/start',
    body: WatchStart,
    example: { intervalSec: 15 },
    verb: Registry.watchStart,
    request: ({ body }) => body,
  }),

  /**
   * @openapi
   * /watch/stop:
   *   post:
   *     tags: [watch]
   *     summary: Stop the watcher
   *     description: A check that is already running is completed.
   */
  action({ path: '/watch/stop', verb: Registry.watchStop, request: () => ({}) }),

  /**
   * @openapi
   * /watch/tick:
   *   post:
   *     tags: [watch]
   *     summary: Check now
   *     description: Also works while the watcher is stopped. Responds when the check is done.
   */
  action({ path: '/watch/tick', verb: Registry.watchTick, request: () => ({}) }),
]
