import type { ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { failureEvent, httpFailure } from './failure-response.ts'
import { isToolStep, type ModelStep } from './model-step.ts'
import { messageItem, type ResponseItem, toolItem } from './response-items.ts'
import type { PlannedCall } from './turn-script-state.ts'

/** Maximum number of deltas of a response; longer texts stream in bigger pieces. */
const MAX_DELTAS = 400

const USAGE = {
  input_tokens: 100,
  input_tokens_details: { cached_tokens: 40 },
  output_tokens: 20,
  output_tokens_details: { reasoning_tokens: 5 },
  total_tokens: 120,
}

export type StreamOptions = {
  /** Unique id of this response. */
  responseId: string
  /** Milliseconds between deltas. */
  paceMs: number
  /** Tools the request offers; undefined when it does not say. */
  tools: ReadonlySet<string> | undefined
}

/** Answers one request to `/responses`, as the Responses API's event stream. Ends silently when the client disconnects. */
export const streamCall = async (res: ServerResponse, call: PlannedCall, options: StreamOptions): Promise<void> => {
  const gone = new AbortController()
  res.once('close', () => gone.abort())
  try {
    await new ResponseStream(res, options, gone.signal).run(call)
  } catch (error) {
    if (!gone.signal.aborted) throw error
  }
}

class ResponseStream {
  readonly #res: ServerResponse
  readonly #options: StreamOptions
  readonly #signal: AbortSignal
  #items = 0
  #toolCalls = 0

  constructor(res: ServerResponse, options: StreamOptions, signal: AbortSignal) {
    this.#res = res
    this.#options = options
    this.#signal = signal
  }

  async run(call: PlannedCall): Promise<void> {
    for (const step of call.steps) {
      if (step.kind === 'hang') {
        this.#open()
        return
      }
      if (step.kind === 'fail') {
        this.#fail(step)
        return
      }
      await this.#perform(step, call)
    }
    this.#open()
    // Before the last event: codex may send the next request as soon as it has read that.
    call.done()
    this.#send({ type: 'response.completed', response: { id: this.#options.responseId, usage: USAGE } })
    this.#res.end()
  }

  async #perform(step: Exclude<ModelStep, { kind: 'hang' | 'fail' }>, call: PlannedCall): Promise<void> {
    if (step.kind === 'sleep') {
      // A failure after the pause may still want to be an HTTP status, so the stream is not opened here.
      await delay(step.ms, undefined, { signal: this.#signal })
    } else if (step.kind === 'say') {
      await this.#say(step.text)
    } else if (isToolStep(step)) {
      const item = toolItem(step, call.callId(this.#toolCalls), this.#options.tools)
      this.#toolCalls += 1
      if (item) {
        this.#done(item)
      } else {
        await this.#say(`cannot ${step.kind}: codex offers no such tool`)
      }
    }
  }

  async #say(text: string): Promise<void> {
    const id = `msg_${this.#options.responseId}_${this.#items}`
    this.#open()
    this.#send({ type: 'response.output_item.added', output_index: this.#items, item: messageItem(id, '') })
    for (const delta of pieces(text)) {
      this.#send({ type: 'response.output_text.delta', item_id: id, output_index: this.#items, content_index: 0, delta })
      if (this.#options.paceMs > 0) await delay(this.#options.paceMs, undefined, { signal: this.#signal })
    }
    this.#done(messageItem(id, text))
  }

  #fail({ failure }: Extract<ModelStep, { kind: 'fail' }>): void {
    const http = httpFailure(failure)
    if (http && !this.#res.headersSent) {
      this.#res.writeHead(http.status, { 'content-type': 'application/json' }).end(JSON.stringify(http.body))
      return
    }
    this.#open()
    const event = failureEvent(failure, this.#options.responseId)
    if (event) this.#send(event)
    if (event || failure === 'early-end') {
      this.#res.end()
    } else {
      this.#res.destroy()
    }
  }

  #done(item: ResponseItem): void {
    this.#open()
    this.#send({ type: 'response.output_item.done', output_index: this.#items, item })
    this.#items += 1
  }

  #open(): void {
    if (this.#res.headersSent) return
    this.#res.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
    this.#send({ type: 'response.created', response: { id: this.#options.responseId } })
  }

  #send(event: Record<string, unknown>): void {
    this.#res.write(`event: ${String(event['type'])}\ndata: ${JSON.stringify(event)}\n\n`)
  }
}

/** Words with the space after them, several at a time for a long text. */
const pieces = (text: string): string[] => {
  const words = text.match(/\s*\S+\s*/g) ?? (text === '' ? [] : [text])
  const size = Math.ceil(words.length / MAX_DELTAS)
  return size <= 1
    ? words
    : Array.from({ length: Math.ceil(words.length / size) }, (_, n) => words.slice(n * size, (n + 1) * size).join(''))
}
