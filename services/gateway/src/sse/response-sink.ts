import type { ServerResponse } from 'node:http'
import type { Sink } from './client.ts'

const HEADERS = {
  'Content-Type': 'text/event-stream; charset=utf-8',
  'Cache-Control': 'no-store, no-transform',
  // Proxies that buffer would hold events back until the buffer is full.
  'X-Accel-Buffering': 'no',
}

/** Turns a response into an event stream. */
export const openSink = (response: ServerResponse): Sink => {
  // A write to a connection that is just closing reports an error which nobody needs: `close` says the same.
  response.on('error', () => undefined)
  response.socket?.setNoDelay(true)
  response.socket?.setTimeout(0)
  response.writeHead(200, HEADERS)
  response.flushHeaders()
  return {
    write: (bytes) => response.write(bytes),
    onDrain: (listener) => void response.on('drain', listener),
    onClose: (listener) => {
      // The client may have left before its stream was open, and then nothing will say so again.
      if (response.closed || !response.socket || response.socket.destroyed) setImmediate(listener)
      else response.once('close', listener)
    },
    end: () => void response.end(),
    destroy: () => void response.destroy(),
  }
}
