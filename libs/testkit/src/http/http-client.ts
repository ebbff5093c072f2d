import { Agent, type IncomingHttpHeaders, type OutgoingHttpHeaders, request as sendRequest } from 'node:http'

export type ApiResponse<T = unknown> = {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** Parsed if the response says it is JSON, else the text; undefined for an empty body. Checked against no schema. */
  readonly body: T
  readonly text: string
  /** From sending the request to the last byte of the response. */
  readonly ms: number
}

export type RawRequest = {
  /** Sent as given; `host` and `origin` may say anything. */
  headers?: OutgoingHttpHeaders
  body?: string | Buffer
  /** For the whole exchange. Default: that of the client. */
  timeoutMs?: number
  /** False: resolves at the head of the response and drops the connection, for a response that never ends. Default true. */
  whole?: boolean
}

export type ApiOptions = {
  /** Sent with every request (a token, say); a header given as `undefined` with a request is left out. */
  headers?: OutgoingHttpHeaders
  /** Default 30000. */
  timeoutMs?: number
}

export type ApiClient = {
  get<T = unknown>(path: string, headers?: OutgoingHttpHeaders): Promise<ApiResponse<T>>
  post<T = unknown>(path: string, body?: unknown, headers?: OutgoingHttpHeaders): Promise<ApiResponse<T>>
  put<T = unknown>(path: string, body?: unknown, headers?: OutgoingHttpHeaders): Promise<ApiResponse<T>>
  patch<T = unknown>(path: string, body?: unknown, headers?: OutgoingHttpHeaders): Promise<ApiResponse<T>>
  delete<T = unknown>(path: string, body?: unknown, headers?: OutgoingHttpHeaders): Promise<ApiResponse<T>>
  request<T = unknown>(method: string, path: string, body?: unknown, headers?: OutgoingHttpHeaders): Promise<ApiResponse<T>>
  /** Sends the path character by character, without URL normalisation: `%0d%0a`, `..` and `//host` stay. */
  raw<T = unknown>(method: string, path: string, options?: RawRequest): Promise<ApiResponse<T>>
  /** Closes the idle connections. */
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
    throw new Error(`the response says it is JSON and is not: ${text.slice(0, 200)}`, { cause: error })
  }
}

/** A client whose methods all send through `raw`. */
export const clientFrom = (raw: ApiClient['raw'], close: () => void): ApiClient => {
  const request = <T>(method: string, path: string, body?: unknown, extra: OutgoingHttpHeaders = {}): Promise<ApiResponse<T>> => {
    if (body === undefined) return raw(method, path, { headers: extra })
    const bytes = Buffer.from(JSON.stringify(body))
    const described = { 'content-type': 'application/json', 'content-length': bytes.length, ...extra }
    return raw(method, path, { headers: described, body: bytes })
  }
  return {
    get: (path, extra) => request('GET', path, undefined, extra),
    post: (path, body, extra) => request('POST', path, body, extra),
    put: (path, body, extra) => request('PUT', path, body, extra),
    patch: (path, body, extra) => request('PATCH', path, body, extra),
    delete: (path, body, extra) => request('DELETE', path, body, extra),
    request,
    raw,
    close,
  }
}

/** An HTTP client for one service, over keep-alive connections. */
export const api = (baseUrl: string, { headers = {}, timeoutMs: defaultTimeoutMs = 30_000 }: ApiOptions = {}): ApiClient => {
  const base = new URL(baseUrl)
  const prefix = base.pathname.replace(/\/$/, '')
  const agent = new Agent({ keepAlive: true })

  const raw = <T>(method: string, path: string, options: RawRequest = {}): Promise<ApiResponse<T>> => {
    const { body, timeoutMs = defaultTimeoutMs, whole = true } = options
    return new Promise((resolve, reject) => {
      const startedAt = performance.now()
      const outgoing = sendRequest({
        agent: whole ? agent : false,
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
        const end = (): void => {
          const ms = performance.now() - startedAt
          const text = Buffer.concat(chunks).toString('utf8')
          try {
            const parsed = parseBody(text, incoming.headers) as T
            resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: parsed, text, ms })
          } catch (error) {
            reject(error)
          }
        }
        if (!whole) {
          incoming.once('error', () => undefined)
          end()
          incoming.destroy()
          return
        }
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
        incoming.once('error', reject)
        incoming.once('end', end)
      })
      outgoing.end(body)
    })
  }

  return clientFrom(raw, () => agent.destroy())
}
