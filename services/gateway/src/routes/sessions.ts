import { InterruptBody, PromptBody, Registry, Sessions, TurnReceipt } from '@codex-bridge/contracts'
import { Type } from 'typebox'
import { command, read } from '../bus/bus-routes.ts'
import { sendToSession } from '../bus/session-commands.ts'
import { commandRoute } from '../http/command-route.ts'
import { SESSION_ERRORS } from '../http/error-codes.ts'
import { MinSeq } from '../http/query-parameters.ts'
import type { Route } from '../http/route.ts'

/** Sessions of lanes, and the turns in them. */
export const sessionRoutes: readonly Route[] = [
  /**
   * @openapi
   * /lanes/sessions:
   *   get:
   *     tags: [lanes]
   *     summary: List the sessions of all lanes
   *     description: A snapshot of every session, running or not.
   */
  read({ path: '/lanes/sessions', verb: Registry.listSessions, request: () => ({}) }),

  /**
   * @openapi
   * /lanes/{laneId}/session/status:
   *   get:
   *     tags: [lanes]
   *     summary: Read the session of a lane
   *     description: The state of the session as of its last event.
   */
  read({
    path: '/lanes/{laneId}/session/status',
    query: Type.Object({ minSeq: Type.Optional(MinSeq) }),
    verb: Registry.getSession,
    errors: ['lane_not_found'],
    request: ({ path, query }) => ({ ...path, ...query }),
  }),

  /**
   * @openapi
   * /lanes/{laneId}/session/start:
   *   post:
   *     tags: [lanes]
   *     summary: Start the session of a lane
   *     description: Responds when the session is live or has failed to start. A session that is already live is returned as it is.
   */
  command({
    path: '/lanes/{laneId}/session/start',
    status: 200,
    verb: Registry.startSession,
    errors: ['lane_not_found', 'worktree_blocked', ...SESSION_ERRORS],
    request: ({ path, commandId }) => ({ ...path, commandId }),
  }),

  /**
   * @openapi
   * /lanes/{laneId}/session/stop:
   *   post:
   *     tags: [lanes]
   *     summary: Stop the session of a lane
   *     description: A running turn is interrupted first.
   */
  command({
    path: '/lanes/{laneId}/session/stop',
    status: 200,
    verb: Registry.stopSession,
    errors: ['lane_not_found', 'conflict', 'fenced', 'codex_error', 'codex_timeout', 'codex_unavailable'],
    request: ({ path, commandId }) => ({ ...path, commandId }),
  }),

  /**
   * @openapi
   * /lanes/{laneId}/prompt:
   *   post:
   *     tags: [lanes]
   *     summary: Start a turn
   *     description: Starts or recovers the session if the lane has none. The `lane.turn.completed` event reports how the turn ended.
   */
  commandRoute({
    path: '/lanes/{laneId}/prompt',
    body: PromptBody,
    status: 202,
    reply: TurnReceipt,
    errors: ['lane_not_found', 'session_not_running', 'turn_active', 'turn_mismatch', 'worktree_blocked', ...SESSION_ERRORS],
    send: ({ path, ...request }, bus) => sendToSession(bus, { ...path, verb: Sessions.prompt, request }),
  }),

  /**
   * @openapi
   * /lanes/{laneId}/steer:
   *   post:
   *     tags: [lanes]
   *     summary: Add input to the running turn
   *     description: Needs a live session with a running turn.
   */
  commandRoute({
    path: '/lanes/{laneId}/steer',
    body: PromptBody,
    status: 202,
    reply: TurnReceipt,
    errors: ['lane_not_found', 'session_not_running', 'no_active_turn', 'turn_mismatch', ...SESSION_ERRORS],
    send: ({ path, ...request }, bus) => sendToSession(bus, { ...path, verb: Sessions.steer, request }),
  }),

  /**
   * @openapi
   * /lanes/{laneId}/interrupt:
   *   post:
   *     tags: [lanes]
   *     summary: Interrupt the running turn
   *     description: Needs a live session with a running turn. The `lane.turn.completed` event confirms the interruption.
   */
  commandRoute({
    path: '/lanes/{laneId}/interrupt',
    body: InterruptBody,
    status: 202,
    reply: TurnReceipt,
    errors: ['lane_not_found', 'session_not_running', 'no_active_turn', 'turn_mismatch', ...SESSION_ERRORS],
    send: ({ path, ...request }, bus) => sendToSession(bus, { ...path, verb: Sessions.interrupt, request }),
  }),
]
