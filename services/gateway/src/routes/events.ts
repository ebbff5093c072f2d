import { BridgeError, LaneId } from '@codex-bridge/contracts'
import type { GatewayContext } from '../http/gateway-context.ts'
import { checkedValuesOf, flagOf, ThreadId, textOf, typePatternsOf } from '../http/request-parameters.ts'
import { cursorOf } from '../sse/cursor.ts'
import type { StreamFilter } from '../sse/filter.ts'
import { retryMs } from '../sse/frame.ts'
import { openSink } from '../sse/response-sink.ts'
import type { StreamService } from '../sse/stream-service.ts'
import type { Mount } from './gateway-router.ts'

const MAX_PATTERNS = 100
const MAX_IDS = 1000

const filterOf = (ctx: GatewayContext): StreamFilter => ({
  types: typePatternsOf(ctx, MAX_PATTERNS),
  scope: {
    laneIds: checkedValuesOf(ctx, 'laneId', LaneId, MAX_IDS),
    threadIds: checkedValuesOf(ctx, 'threadId', ThreadId, MAX_IDS),
    sessionIds: checkedValuesOf(ctx, 'sessionId', LaneId, MAX_IDS),
  },
  deltas: flagOf(ctx, 'deltas'),
})

/** The live event stream. */
export const eventRoutes = (mount: Mount, streams: StreamService): void => {
  /**
   * @openapi
   * /events/stream:
   *   get:
   *     tags: [watch]
   *     summary: Every event, live, as Server-Sent Events
   *     description: |
   *       Each event is a frame without an event name (so `EventSource.onmessage` gets it) whose `data` is the event as JSON
   *       and whose `id` is its `seq`. The first frame has an id and no data: the position to resume from before anything came.
   *
   *       After a cut, `Last-Event-ID` (browsers send it by themselves) or `since` continues with the event after it: nothing is
   *       lost, repeated or out of order. Without either the stream is live only. A filter hides events, ids stay those of the
   *       whole log.
   *
   *       Two named events speak of the stream itself, with data `{reason, from, to}`. `gap`: the events `from` to `to` are no
   *       longer kept. `reset`: the cursor is malformed or of another log; every kept event (`from` to `to`) follows.
   *       `deltas=true` adds named events `delta`, which have no id and may be lost. Comments are heartbeats, every 10 seconds;
   *       they may carry an id that moves the cursor past events the filter hid.
   *
   *       A client that takes nothing for 30 seconds is cut and may resume. While NATS is away open streams stay; a new
   *       EventSource (`Accept: text/event-stream`) gets 200, `retry` and an end, so that it tries again, others get 503.
   *     parameters:
   *       - $ref: '#/components/parameters/Types'
   *       - { name: laneId, in: query, description: Repeatable or comma-separated, schema: { type: array, items: { type: string } } }
   *       - { name: threadId, in: query, description: Repeatable or comma-separated, schema: { type: array, items: { type: string } } }
   *       - { name: sessionId, in: query, description: Repeatable or comma-separated, schema: { type: array, items: { type: string } } }
   *       - { name: deltas, in: query, description: Add token and output deltas, schema: { type: boolean, default: false } }
   *       - { name: since, in: query, description: Continue after this seq; lastEventId is another name, schema: { type: integer, minimum: 0 } }
   *       - { name: Last-Event-ID, in: header, description: As since; wins over it, schema: { type: string } }
   *     responses:
   *       200: { description: The stream, content: { text/event-stream: { schema: { $ref: '#/components/schemas/Event' } } } }
   *       400: { $ref: '#/components/responses/BadRequest' }
   *       429: { $ref: '#/components/responses/TooManyStreams' }
   *       503: { $ref: '#/components/responses/Unavailable' }
   */
  mount('get', '/events/stream', async (ctx) => {
    const filter = filterOf(ctx)
    const cursor = cursorOf(ctx.get('Last-Event-ID'), textOf(ctx, 'since') ?? textOf(ctx, 'lastEventId'))
    if (ctx.method === 'HEAD') {
      ctx.status = 200
      ctx.type = 'text/event-stream; charset=utf-8'
      return
    }
    if (!streams.available()) return refuseForNow(ctx)
    try {
      await streams.run(filter, cursor, () => {
        ctx.respond = false
        return openSink(ctx.res)
      })
    } catch (error) {
      if (ctx.res.headersSent || (error instanceof BridgeError && error.code === 'too_many_streams')) throw error
      refuseForNow(ctx)
    }
  })
}

/** A browser gives up for good on anything but 200, so it gets one that ends at once and says when to come back. */
const refuseForNow = (ctx: GatewayContext): void => {
  if (!ctx.get('accept').includes('text/event-stream')) throw new BridgeError('bus_unavailable', 'NATS is not connected')
  ctx.status = 200
  ctx.set('X-Accel-Buffering', 'no')
  ctx.type = 'text/event-stream; charset=utf-8'
  ctx.body = `retry: ${retryMs(Math.random())}\n\n`
}
