import { type IncomingHttpHeaders, type IncomingMessage, type OutgoingHttpHeaders, request } from 'node:http'
import { createParser, type EventSourceMessage } from 'eventsource-parser'
import { SseLines } from './sse-lines.ts'

const REFUSAL_BODY_TIMEOUT_MS = 2000

/** An answer after which an EventSource never connects again: not 200, or not an event stream. */
export class SseRefusal extends Error {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string

  constructor(status: number, headers: IncomingHttpHeaders, body: string) {
    super(`event stream refused: ${status} ${headers['content-type'] ?? ''} ${body.slice(0, 300)}`)
    this.name = 'SseRefusal'
    this.status = status
    this.headers = headers
    this.body = body
  }
}

export type SseListener = {
  onBytes(): void
  onComment(): void
  onRetry(ms: number): void
  /** Called after every frame that set it, before the frame's own event. */
  onLastEventId(id: string): void
  onEvent(message: EventSourceMessage): void
}

export type SseConnection = {
  /** Resolves with the response headers when the stream is open; rejects with an `SseRefusal` or the network's error. */
  readonly opened: Promise<IncomingHttpHeaders>
  /** Resolves when the connection is down, whichever side closed it. */
  readonly down: Promise<void>
  /** Ends it with a TCP reset. */
  cut(): void
  stall(): void
  resume(): void
  end(): void
}

const readRefusal = async (incoming: IncomingMessage): Promise<SseRefusal> => {
  const chunks: Buffer[] = []
  const timer = setTimeout(() => incoming.destroy(), REFUSAL_BODY_TIMEOUT_MS)
  try {
    for await (const chunk of incoming) chunks.push(chunk as Buffer)
  } catch {
    // A refusal with an incomplete body is still a refusal.
  } finally {
    clearTimeout(timer)
  }
  return new SseRefusal(incoming.statusCode ?? 0, incoming.headers, Buffer.concat(chunks).toString('utf8'))
}

const readStream = (incoming: IncomingMessage, lastEventId: string, listener: SseListener): void => {
  const decoder = new TextDecoder()
  const lines = new SseLines(lastEventId)
  const parser = createParser({
    onEvent: (message) => listener.onEvent(message),
    onComment: () => listener.onComment(),
    onRetry: (ms) => listener.onRetry(ms),
  })
  incoming.on('error', () => undefined)
  incoming.on('data', (chunk: Buffer) => {
    listener.onBytes()
    lines.feed(decoder.decode(chunk, { stream: true }), (line) => {
      if (line === '') listener.onLastEventId(lines.lastEventId)
      parser.feed(`${line}\n`)
    })
  })
}

/** Opens one connection to an event stream, on a socket of its own. */
export const openSseConnection = (
  url: URL,
  options: { headers: OutgoingHttpHeaders; lastEventId: string; openTimeoutMs: number },
  listener: SseListener,
): SseConnection => {
  const { headers, lastEventId, openTimeoutMs } = options
  const resumeFrom = lastEventId === '' ? {} : { 'last-event-id': lastEventId }
  const outgoing = request(url, { agent: false, headers: { accept: 'text/event-stream', ...headers, ...resumeFrom } })
  let stream: IncomingMessage | undefined
  const timer = setTimeout(() => outgoing.destroy(new Error(`no answer from ${url}`)), openTimeoutMs)
  const opened = new Promise<IncomingHttpHeaders>((resolve, reject) => {
    outgoing.on('error', reject)
    outgoing.once('close', () => reject(new Error(`connection to ${url} closed before an answer`)))
    outgoing.once('response', (incoming) => {
      clearTimeout(timer)
      const isStream = /^text\/event-stream\b/i.test(incoming.headers['content-type'] ?? '')
      if (incoming.statusCode !== 200 || !isStream) {
        void readRefusal(incoming).then(reject)
        return
      }
      stream = incoming
      resolve(incoming.headers)
      readStream(incoming, lastEventId, listener)
    })
  })
  const down = new Promise<void>((resolve) => {
    outgoing.once('close', () => {
      clearTimeout(timer)
      // `opened` must be settled first, so that the reason of a failed opening is known when the connection is down.
      void opened.then(
        () => resolve(),
        () => resolve(),
      )
    })
  })
  outgoing.end()
  return {
    opened,
    down,
    cut: () => outgoing.socket?.resetAndDestroy(),
    stall: () => stream?.pause(),
    resume: () => stream?.resume(),
    end: () => outgoing.destroy(),
  }
}
