/** An answer of the bridge's API; `body` is the parsed JSON, undefined for an empty one. */
export type ApiAnswer = { status: number; body: unknown }

export type Api = (method: 'GET' | 'POST' | 'PATCH' | 'DELETE', path: string, body?: unknown) => Promise<ApiAnswer>

const TIMEOUT_MS = 90_000

/** A client of one bridge. @throws Error when no answer comes within `timeoutMs`, or one that is no JSON */
export const apiOf =
  (baseUrl: string, timeoutMs = TIMEOUT_MS): Api =>
  async (method, path, body) => {
    const response = await fetch(`${baseUrl}${path}`, {
      method,
      signal: AbortSignal.timeout(timeoutMs),
      ...(body !== undefined && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
    })
    const text = await response.text()
    return { status: response.status, body: text === '' ? undefined : parsed(text, `${method} ${path}`) }
  }

const SHOWN = 200

const parsed = (text: string, asked: string): unknown => {
  try {
    return JSON.parse(text) as unknown
  } catch {
    throw new Error(`${asked} was answered with something that is no JSON: ${text.slice(0, SHOWN)}`)
  }
}

/** Asks again until the answer is as wanted. @throws Error with the last answer after the time */
export const pollUntil = async <T>(read: () => Promise<T>, wanted: (value: T) => boolean, what: string, timeoutMs: number): Promise<T> => {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    const value = await read()
    if (wanted(value)) return value
    if (performance.now() > deadline) throw new Error(`${what} took longer than ${timeoutMs / 1000} s; last: ${JSON.stringify(value)}`)
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}

const POLL_MS = 100
