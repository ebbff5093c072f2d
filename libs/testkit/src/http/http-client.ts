import { Agent, type IncomingHttpHeaders, type OutgoingHttpHeaders, request as sendRequest } from 'node:http'

export type ApiResponse<T = unknown> = {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** Parsed when the answer says it is JSON, else the text; undefined when there is none. Checked against nothing. */
  readonly body: T
  readonly text: string
}

export type RawRequest = {
  /** Sent as they are; `host` and `origin` may say anything. */
  headers?: OutgoingHttpHeaders
  body?: string | Buffer
  /** Default 30000, for the whole exchange. */
  timeoutMs?: number
}

export type ApiClient = {
  get<T = unknown>(path: string, headers?: OutgoingHttpHeaders): Promise<ApiResponse<T>>
  post<T = unknown>(path: string, body?: unknown, headers?: OutgoingHttpHeaders): Promise<ApiResponse<T>>
  put<T = unknown>(path: string, body?: unknown, headers?: OutgoingHttpHeaders): Promise<ApiResponse<T>>
  patch<T = unknown>(path: string, body?: unknown, headers?: OutgoingHttpHeaders): Promise<ApiResponse<T>>
  delete<T = unknown>(path: string, body?: unknown, headers?: OutgoingHttpHeaders): Promise<ApiResponse<T>>
  /** The path goes out character by character, without URL normalisation: `%0d%0a`, `..` and `//host` stay. */
  raw<T = unknown>(method: string, path: string, options?: RawRequest): Promise<ApiResponse<T>>
  /** Ends the idle connections. */
  close(): void
}

const withoutUndefined = (headers: OutgoingHttpHeaders): OutgoingHttpHeaders =>
  Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined))

const isJson = (headers: IncomingHttpHeaders): boolean => /^application\/(?:[^;]+\+)?json\b/i.test(headers['content-type'] ?? '')

const parseBody = (text: string, headers: IncomingHttpHeaders): unknown => {
  if (text === '') return
  try {
    return isJson(headers) ? JSON.parse(text) : text
  } catch (error) {
    throw new Error(`the answer says it is JSON and is not: ${text.slice(0, 200)}`, { cause: error })
  }
}

/**
 * A JSON client for one service, over keep-alive connections. `headers` go with every request (a token, say); a header
 * given as `undefined` with a request is left out.
 */
export const api = (baseUrl: string, headers: OutgoingHttpHeaders = {}): ApiClient => {
  const base = new URL(baseUrl)
  const prefix = base.pathname.replace(/\/$/, '')
  const agent = new Agent({ keepAlive: true })

  const raw = <T>(method: string, path: string, options: RawRequest = {}): Promise<ApiResponse<T>> => {
    const { body, timeoutMs = 30_000 } = options
    return new Promise((resolve, reject) => {
      const outgoing = sendRequest({
        agent,
        host: base.hostname.replace(/^\[|\]$/g, ''),
        port: base.port || 80,
        method,
        path: `${prefix}${path}`,
        headers: withoutUndefined({ ...headers, ...options.headers }),
        signal: AbortSignal.timeout(timeoutMs),
      })
      outgoing.once('error', reject)
      outgoing.once('response', (incoming) => {
        const chunks: Buffer[] = []
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
        incoming.once('error', reject)
        incoming.once('end', () => {
          const text = Buffer.concat(chunks).toString('utf8')
          try {
            const parsed = parseBody(text, incoming.headers) as T
            resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: parsed, text })
          } catch (error) {
            reject(error)
          }
        })
      })
      outgoing.end(body)
    })
  }

  const send = <T>(method: string, path: string, body: unknown, extra: OutgoingHttpHeaders = {}): Promise<ApiResponse<T>> => {
    if (body === undefined) return raw(method, path, { headers: extra })
    const bytes = Buffer.from(JSON.stringify(body))
    const described = { 'content-type': 'application/json', 'content-length': bytes.length, ...extra }
    return raw(method, path, { headers: described, body: bytes })
  }

  return {
    get: (path, extra) => send('GET', path, undefined, extra),
    post: (path, body, extra) => send('POST', path, body, extra),
    put: (path, body, extra) => send('PUT', path, body, extra),
    patch: (path, body, extra) => send('PATCH', path, body, extra),
    delete: (path, body, extra) => send('DELETE', path, body, extra),
    raw,
    close: () => agent.destroy(),
  }
}
