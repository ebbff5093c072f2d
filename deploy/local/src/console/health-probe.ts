import { setTimeout as sleep } from 'node:timers/promises'

type ServiceHealth = { status: string; instances?: number }

/** What `GET /health` answers, as far as it is used here. */
export type Health = {
  status: string
  version?: string
  bus?: { connected: boolean; serverVersion: string | null }
  services?: Record<string, ServiceHealth>
  codex?: { version: string | null; appServer: string | null; login: string | null; binary: { path: string } | null }
  runners?: { runnerId: string; codexHome: string }[]
  /** In words for the operator, each with what to do about it. */
  problems?: string[]
}

const PROBE_TIMEOUT_MS = 5000
const POLL_MS = 50
/** A bridge whose Codex is still being looked at works already; waiting longer would only hide that. */
const CODEX_PROBE_MS = 10_000

/** One look at `GET /health`; undefined when nothing answers there, or not like a bridge. */
export const probeHealth = async (baseUrl: string, timeoutMs = PROBE_TIMEOUT_MS): Promise<Health | undefined> => {
  try {
    const response = await fetch(`${baseUrl}/health`, { signal: AbortSignal.timeout(timeoutMs) })
    const body: unknown = await response.json()
    return body !== null && typeof body === 'object' && 'status' in body && typeof body.status === 'string' ? (body as Health) : undefined
  } catch {
    return
  }
}

/** Whether the bridge works: everything answers. A Codex without login degrades it; lanes, events and webhooks work all the same. */
export const isUp = (health: Health, services: readonly string[]): boolean =>
  health.status !== 'down' && services.every((service) => (health.services?.[service]?.status ?? 'down') !== 'down')

/**
 * Waits until every one of the services answers through the gateway, and Codex has been looked at.
 * @throws Error with the last answer when that takes too long, or when the signal is raised
 */
export const waitUntilUp = async (
  baseUrl: string,
  services: readonly string[],
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<Health> => {
  const startedAt = performance.now()
  let last: Health | undefined
  while (performance.now() - startedAt < timeoutMs && !signal?.aborted) {
    last = (await probeHealth(baseUrl)) ?? last
    const settled = last?.codex?.appServer !== 'probing' || performance.now() - startedAt > CODEX_PROBE_MS
    if (last && isUp(last, services) && settled) return last
    await sleep(POLL_MS)
  }
  signal?.throwIfAborted()
  const answer = last ? `its last answer: ${JSON.stringify(last)}` : 'it did not answer'
  throw new Error(`The bridge was not healthy after ${Math.round(timeoutMs / 1000)} s; ${baseUrl}/health: ${answer}`)
}
