import { poll } from '@codex-bridge/platform'

type ServiceHealth = { status: string; instances?: number }

/** The part of the answer of `GET /health` that is used here. */
export type Health = {
  status: string
  version?: string
  bus?: { connected: boolean; serverVersion: string | null }
  services?: Record<string, ServiceHealth>
  codex?: { version: string | null; appServer: string | null; login: string | null; binary: { path: string } | null }
  runners?: { runnerId: string; codexHome: string }[]
  /** In words for the operator, each with its remedy. */
  problems?: string[]
}

const PROBE_TIMEOUT_MS = 5000
const POLL_MS = 50
/** A bridge that is still probing Codex works already; a longer wait would only hide that. */
const CODEX_PROBE_MS = 10_000

/** Asks `GET /health` once; undefined when nothing answers, or something that is no bridge. */
export const probeHealth = async (baseUrl: string, timeoutMs = PROBE_TIMEOUT_MS): Promise<Health | undefined> => {
  try {
    const response = await fetch(`${baseUrl}/health`, { signal: AbortSignal.timeout(timeoutMs) })
    const body: unknown = await response.json()
    return body !== null && typeof body === 'object' && 'status' in body && typeof body.status === 'string' ? (body as Health) : undefined
  } catch {
    return
  }
}

/** True if every service answers. A Codex without login degrades the bridge; lanes, events and webhooks work all the same. */
const isUp = (health: Health, services: readonly string[]): boolean =>
  health.status !== 'down' && services.every((service) => (health.services?.[service]?.status ?? 'down') !== 'down')

/**
 * Waits until every given service answers through the gateway and Codex was probed.
 * @throws Error with the last answer after the timeout, or when the signal is aborted
 */
export const waitUntilUp = async (
  baseUrl: string,
  services: readonly string[],
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<Health> => {
  const startedAt = performance.now()
  let last: Health | undefined
  const settled = async (): Promise<Health | undefined> => {
    last = (await probeHealth(baseUrl)) ?? last
    const probed = last?.codex?.appServer !== 'probing' || performance.now() - startedAt > CODEX_PROBE_MS
    return last && isUp(last, services) && probed ? last : undefined
  }
  const health = await poll(settled, { timeoutMs, everyMs: POLL_MS, signal })
  if (health) return health
  signal?.throwIfAborted()
  const answer = last ? `its last answer: ${JSON.stringify(last)}` : 'it did not answer'
  throw new Error(`The bridge was not healthy after ${Math.round(timeoutMs / 1000)} s; ${baseUrl}/health: ${answer}`)
}
