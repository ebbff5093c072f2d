import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Conversation, readConversation } from './conversation-reader.ts'
import type { ModelStep } from './model-step.ts'
import { streamCall } from './response-stream.ts'
import { type PlannedCall, TurnScript } from './turn-script-state.ts'

const MAX_BODY_BYTES = 64 * 1024 * 1024
const MAX_LOGGED_REQUESTS = 1000
const MAX_TURNS = 1000

/** One request of codex to the model. */
type ModelRequest = {
  /** Thread of the request, from its header; undefined from an unknown client. */
  threadId: string | undefined
  turnId: string | undefined
  model: string
  /** The last message of the user: the turn's prompt, or a steer. */
  prompt: string
  isCompaction: boolean
  /** Outputs of all tool calls in the conversation, oldest first. */
  toolOutputs: readonly { callId: string; text: string }[]
  /** When it came, in milliseconds since the epoch. */
  timeMs: number
  /** The whole request body, parsed. */
  body: unknown
}

/** Script for a turn, chosen at its first request. */
type ScriptSource = readonly ModelStep[] | ((request: ModelRequest) => readonly ModelStep[])

export type ScriptedModel = {
  /** `http://127.0.0.1:<port>` */
  readonly url: string
  /** What goes into codex's config as the provider's `base_url`: `<url>/v1`. */
  readonly baseUrl: string
  /** The last 1000 requests, oldest first. */
  readonly requests: readonly ModelRequest[]
  /** Milliseconds between text deltas; may be changed at any time. */
  paceMs: number
  /**
   * Overrides the script of turns: when the predicate accepts a turn's first request, its steps are used instead of the directives in
   * the prompt. The rule added last wins. Returns the removal.
   */
  on(predicate: (request: ModelRequest) => boolean, script: ScriptSource): () => void
  /** Stops listening and cuts every open connection. */
  close(): Promise<void>
}

export type ScriptedModelOptions = {
  /** Default: any free port. */
  port?: number
  /** Milliseconds between text deltas. Default 0. */
  paceMs?: number
}

/**
 * Starts a model endpoint on 127.0.0.1 that implements as much of the Responses API as codex needs. Its answers are scripted in the
 * prompt itself (see `parsePromptScript`), so it also works when prompts pass through other systems; a prompt without directives is
 * answered with `reply to <prompt>`. The same request always gets the same answer. `GET /healthz` answers 200.
 * @throws the listen error, e.g. EADDRINUSE
 */
export const startScriptedModel = async (options: ScriptedModelOptions = {}): Promise<ScriptedModel> => {
  const model = new ScriptedModelServer(options.paceMs ?? 0)
  await model.listen(options.port ?? 0)
  return model
}

class ScriptedModelServer implements ScriptedModel {
  paceMs: number
  readonly requests: ModelRequest[] = []
  readonly #server: Server
  readonly #rules: { predicate: (request: ModelRequest) => boolean; script: ScriptSource }[] = []
  readonly #turns = new Map<string, TurnScript>()
  #responses = 0

  constructor(paceMs: number) {
    this.paceMs = paceMs
    this.#server = createServer((req, res) => {
      this.#handle(req, res).catch((error: unknown) => fail(res, error))
    })
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo | null)?.port ?? 0}`
  }

  get baseUrl(): string {
    return `${this.url}/v1`
  }

  listen(port: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(port, '127.0.0.1', () => {
        this.#server.off('error', reject)
        resolve()
      })
    })
  }

  on(predicate: (request: ModelRequest) => boolean, script: ScriptSource): () => void {
    const rule = { predicate, script }
    this.#rules.unshift(rule)
    return () => {
      const index = this.#rules.indexOf(rule)
      if (index !== -1) this.#rules.splice(index, 1)
    }
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      // The error of the callback only says that it was already closed.
      this.#server.close(() => resolve())
      this.#server.closeAllConnections()
    })
  }

  async #handle(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const path = (req.url ?? '/').split('?')[0] ?? '/'
    if (req.method === 'GET' && path === '/healthz') {
      respond(res, 200, { ok: true })
      return
    }
    if (req.method !== 'POST' || !path.endsWith('/responses')) {
      respond(res, 404, { error: { message: `no ${req.method ?? ''} ${path} here` } })
      return
    }
    const body = await readJson(req)
    if (body === undefined) {
      respond(res, 400, { error: { message: 'the body is no JSON, or too large' } })
      return
    }
    const conversation = readConversation(req.headers, body)
    const request = this.#log(conversation, body)
    this.#responses += 1
    await streamCall(res, this.#plan(conversation, request), {
      responseId: `resp_${this.#responses}`,
      paceMs: this.paceMs,
      tools: conversation.tools,
    })
  }

  #log(conversation: Conversation, body: unknown): ModelRequest {
    const { threadId, turnId, model, isCompaction, toolOutputs } = conversation
    const prompt = conversation.userTexts.at(-1) ?? ''
    const request: ModelRequest = { threadId, turnId, model, prompt, isCompaction, toolOutputs, timeMs: Date.now(), body }
    this.requests.push(request)
    if (this.requests.length > MAX_LOGGED_REQUESTS) this.requests.shift()
    return request
  }

  #plan(conversation: Conversation, request: ModelRequest): PlannedCall {
    if (conversation.isCompaction) {
      const text = `Summary: ${conversation.userTexts.length} user messages so far, the last one: ${request.prompt.slice(0, 200)}`
      return { steps: [{ kind: 'say', text }], callId: (n) => `call_compaction_${n}`, done: () => undefined }
    }
    return this.#turn(conversation, request).plan(conversation)
  }

  /** Without a turn id, from an unknown client, every user message starts a turn of its own. */
  #turn(conversation: Conversation, request: ModelRequest): TurnScript {
    const key = conversation.turnId ?? `${conversation.threadId ?? ''}#${conversation.userTexts.length}`
    const known = this.#turns.get(key)
    if (known) return known
    const script = this.#rules.find(({ predicate }) => predicate(request))?.script
    const steps = typeof script === 'function' ? script(request) : script
    const turn = new TurnScript(key.replace(/[^A-Za-z0-9]/g, '').slice(-16), conversation, steps)
    this.#turns.set(key, turn)
    const [oldest] = this.#turns.keys()
    if (this.#turns.size > MAX_TURNS && oldest !== undefined) this.#turns.delete(oldest)
    return turn
  }
}

const readJson = async (req: IncomingMessage): Promise<unknown> => {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of req as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > MAX_BODY_BYTES) return
    chunks.push(chunk)
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown
  } catch {
    return
  }
}

const respond = (res: ServerResponse, status: number, body: unknown): void => {
  res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

const fail = (res: ServerResponse, error: unknown): void => {
  if (res.headersSent || res.destroyed) {
    res.destroy()
  } else {
    respond(res, 500, { error: { message: `scripted model: ${error instanceof Error ? error.message : String(error)}` } })
  }
}
