import { BridgeError, EventEnvelope, EventPattern, LaneId } from '@codex-bridge/contracts'
import { Type } from 'typebox'
import type { GatewayContext } from '../http/gateway-context.ts'
import { type Route, route } from '../http/route.ts'
import { cursorOf } from '../sse/cursor.ts'
import { retryMs } from '../sse/frame.ts'
import { openSink } from '../sse/response-sink.ts'
import type { StreamService } from '../sse/stream-service.ts'

const MAX_IDS = 1000
const idsOf = (what: string) => ({ maxItems: MAX_IDS, description: `Only events of these ${what}. Repeated or comma-separated` })
const Position = Type.String({ maxLength: 512 })

const StreamQuery = Type.Object({
  types: Type.Array(EventPattern, {
    maxItems: 100,
    default: [],
    description: 'Only these event types: exact, `lane.*` for a prefix, or `*`. Repeated or comma-separated',
  }),
  laneId: Type.Optional(Type.Array(LaneId, idsOf('lanes'))),
  threadId: Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 128 }), idsOf('threads'))),
  sessionId: Type.Optional(Type.Array(LaneId, idsOf('sessions'))),
  deltas: Type.Boolean({ default: false, description: 'Add token and output deltas' }),
  since: Type.Optional({ ...Position, description: 'Resume after the event with this seq' }),
  lastEventId: Type.Optional({ ...Position, description: 'The same as `since`' }),
})

/** The live event stream. */
export const eventRoutes = (streams: StreamService): readonly Route[] => [
  /**
   * @openapi
   * /events/stream:
   *   get:
   *     tags: [watch]
   *     summary: Follow all events as Server-Sent Events
   *     description: |
   *       Each event is a frame without an event name, so that `EventSource.onmessage` receives it. Its `data` is the event as JSON,
   *       its `id` is the event's `seq`. The first frame has an id but no data: the position to resume from if nothing else arrives.
   *
   *       After a disconnect, `Last-Event-ID` (which browsers send automatically) or `since` resumes with the next event. No event is
   *       lost, repeated or reordered. Without either, the stream starts live. Filters hide events but do not change ids.
   *
   *       Two named events describe the stream itself, with data `{reason, from, to}`. `gap`: the events from `from` to `to` are no
   *       longer stored. `reset`: the cursor is malformed or belongs to another log; every stored event (`from` to `to`) follows.
   *       `deltas=true` adds named events `delta`, which have no id and may be lost. Comments are heartbeats, sent every 10 seconds;
   *       they may carry an id that moves the cursor past hidden events.
   *
   *       A client that reads nothing for 30 seconds is disconnected and can resume. While NATS is down, open streams stay open. A new
   *       `EventSource` (`Accept: text/event-stream`) then gets 200 with a `retry` and the end of the stream, so that it reconnects;
   *       other clients get 503.
   */
  route({
    method: 'get',
    path: '/events/stream',
    query: StreamQuery,
    headers: Type.Object({
      'Last-Event-ID': Type.Optional({ ...Position, description: 'The same as `since`, which it overrides' }),
    }),
    replies: { 200: { contentType: 'text/event-stream', schema: EventEnvelope, description: 'The stream. Each `data` is an event.' } },
    errors: ['too_many_streams', 'bus_unavailable'],
    handle: async ({ query }, ctx) => {
      const { types, laneId: laneIds = [], threadId: threadIds = [], sessionId: sessionIds = [], deltas, since, lastEventId } = query
      const cursor = cursorOf(ctx.get('Last-Event-ID'), since ?? lastEventId)
      if (ctx.method === 'HEAD') {
        ctx.status = 200
        ctx.type = 'text/event-stream; charset=utf-8'
        return
      }
      if (!streams.available()) return askToReconnect(ctx)
      try {
        await streams.run({ types, scope: { laneIds, threadIds, sessionIds }, deltas }, cursor, () => {
          ctx.respond = false
          return openSink(ctx.res)
        })
      } catch (error) {
        if (ctx.res.headersSent || (error instanceof BridgeError && error.code === 'too_many_streams')) throw error
        askToReconnect(ctx)
      }
    },
  }),
]

/**
 * An EventSource gives up on any status but 200, so it gets an empty stream with a retry delay.
 * @throws BridgeError `bus_unavailable` for other clients
 */
const askToReconnect = (ctx: GatewayContext): void => {
  if (!ctx.get('accept').includes('text/event-stream')) throw new BridgeError('bus_unavailable', 'NATS is not connected')
  ctx.status = 200
  ctx.set('X-Accel-Buffering', 'no')
  ctx.type = 'text/event-stream; charset=utf-8'
  ctx.body = `retry: ${retryMs(Math.random())}\n\n`
}
