import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ApiClient, type ApiResponse, api, clientFrom } from '@codex-bridge/testkit'
import { SLOW_MS } from './bridge-environment.ts'

type Answer = { error?: string; retryable?: boolean; status?: string } | undefined

const PAUSE_MS = 100
/** How long a client waits for an answer before it asks another gateway. */
const ATTEMPT_MS = 15_000

/** True if the outcome is open: the service is unavailable, or it is unknown whether the command ran. */
const isOpen = ({ status, body }: ApiResponse<unknown>): boolean =>
  status === 503 || status === 504 || (status === 202 && (body as Answer)?.status === 'unknown')

/**
 * A client for several gateways. Each request goes to the next gateway, and is repeated with the same Idempotency-Key if the
 * connection fails or the outcome is open.
 */
export const retryingApi = (baseUrls: readonly string[]): ApiClient => {
  const clients = baseUrls.map((baseUrl) => api(baseUrl))
  let turn = 0

  const raw: ApiClient['raw'] = async <T>(method: string, path: string, options: Parameters<ApiClient['raw']>[2] = {}) => {
    const { timeoutMs = SLOW_MS } = options
    const headers = { ...(method !== 'GET' && { 'idempotency-key': randomUUID() }), ...options.headers }
    for (const deadline = performance.now() + timeoutMs; ; await sleep(PAUSE_MS)) {
      const client = clients[turn % clients.length]
      if (!client) throw new Error('there is no gateway')
      turn += 1
      const left = deadline - performance.now()
      try {
        const answer = await client.raw<T>(method, path, {
          ...options,
          headers,
          timeoutMs: Math.ceil(Math.max(1, Math.min(ATTEMPT_MS, left))),
        })
        if (!isOpen(answer) || left < ATTEMPT_MS) return answer
      } catch (error) {
        if (left < ATTEMPT_MS) throw error
      }
    }
  }

  return clientFrom(raw, () => {
    for (const client of clients) client.close()
  })
}
