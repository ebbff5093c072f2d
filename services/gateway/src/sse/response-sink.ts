import type { ServerResponse } from 'node:http'
import type { Sink } from './client.ts'

const HEADERS = {
  'Content-Type': 'text/event-stream; charset=utf-8',
  'Cache-Control': 'no-store, no-transform',
  // A buffering proxy would hold events back until its buffer is full.
  'X-Accel-Buffering': 'no',
}

/** Turns a response into an event stream. */
export const openSink = (response: ServerResponse): Sink => {
  // Writing to a closing connection emits an error; `close` reports the same.
  response.on('error', () => undefined)
  response.socket?.setNoDelay(true)
  response.socket?.setTimeout(0)
  response.writeHead(200, HEADERS)
  response.flushHeaders()
  return {
    write: (bytes) => response.write(bytes),
    onDrain: (listener) => void response.on('drain', listener),
    onClose: (listener) => {
      // If the client disconnected before the stream was opened, there will be no further event.
      if (response.closed || !response.socket || response.socket.destroyed) setImmediate(listener)
      else response.once('close', listener)
    },
    end: () => void response.end(),
    destroy: () => void response.destroy(),
  }
}
