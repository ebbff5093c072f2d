import { randomUUID } from 'node:crypto'
import {
  AppServerProcess,
  RpcTimeoutError,
  resolveCodexBinary,
  type ThreadStartParams,
  type TurnStartParams,
} from '@codex-bridge/codex-client'
import { type ApiClient, api } from '@codex-bridge/testkit'
import type { Stage } from './bench-stage.ts'

/** Lanes created in parallel. */
const LANES_AT_ONCE = 16
/** The machine may be busy; a turn of the scripted model otherwise takes a fraction of a second. */
const TURN_MS = 60_000

/** What a bridge holds after some time of use. */
export type SeedData = { laneId: string; lanes: number; threadId: string; threads: number; threadsMs: number; webhookId: string }

/** Fills the bridge: lanes through its API, threads through Codex itself in the bridge's home. */
export const seedBridge = async (
  stage: Stage,
  plan: { lanes: number; threads: number; threadsMs: number },
  signal: AbortSignal,
): Promise<SeedData> => {
  const http = api(stage.bridge.baseUrl)
  try {
    const lanes = await seedLanes(http, plan.lanes, signal)
    const webhookId = await seedWebhook(http)
    return { ...lanes, webhookId, ...(await seedThreads(stage, plan, signal)) }
  } finally {
    http.close()
  }
}

const post = async (http: ApiClient, path: string, body: unknown): Promise<Record<string, unknown>> => {
  const answer = await http.post<Record<string, unknown>>(path, body, { 'idempotency-key': randomUUID() })
  if (answer.status !== 201) throw new Error(`POST ${path} answered ${answer.status}: ${answer.text.slice(0, 300)}`)
  return answer.body
}

const seedLanes = async (http: ApiClient, count: number, signal: AbortSignal): Promise<Pick<SeedData, 'laneId' | 'lanes'>> => {
  const idOf = (number: number): string => `bench-seed-${String(number).padStart(4, '0')}`
  let next = 0
  const createSome = async (): Promise<void> => {
    while (next < count) {
      signal.throwIfAborted()
      const number = next
      next += 1
      const projectId = `project-${number % 10}`
      await post(http, '/lanes', {
        laneId: idOf(number),
        title: `Seeded lane ${number}`,
        projectId,
        acceptanceCriteria: ['it is listed'],
      })
    }
  }
  await Promise.all(Array.from({ length: LANES_AT_ONCE }, createSome))
  return { laneId: idOf(0), lanes: count }
}

/** Disabled: it is only read. */
const seedWebhook = async (http: ApiClient): Promise<string> => {
  const body = { url: 'http://127.0.0.1:9/nobody', events: ['lane.completed'], enabled: false }
  return String((await post(http, '/webhooks', body))['id'])
}

/**
 * Stores one thread with a turn, and forks of it: each is a stored thread with a rollout file of its own, for less than half the time
 * of a turn. Every fork stays loaded in the app-server and costs it background work, so on a busy machine a single one may take many
 * seconds. Seeding therefore ends when its time is over, also within a fork; the threads made until then are measured.
 */
const seedThreads = async (
  stage: Stage,
  plan: { threads: number; threadsMs: number },
  signal: AbortSignal,
): Promise<Pick<SeedData, 'threadId' | 'threads' | 'threadsMs'>> => {
  const server = await AppServerProcess.start({
    binary: resolveCodexBinary().path,
    codexHome: stage.bridgeHome,
    cwd: stage.workspace,
    clientInfo: { name: 'codex-bridge-bench', version: '0.1.0' },
  })
  try {
    const threadId = await seedThread(server, stage.workspace)
    const startedAt = performance.now()
    const left = (): number => plan.threadsMs - (performance.now() - startedAt)
    let threads = 1
    while (threads < plan.threads && left() > 0) {
      signal.throwIfAborted()
      const forked = await fork(server, threadId, left())
      if (!forked) break
      threads += 1
    }
    return { threadId, threads, threadsMs: performance.now() - startedAt }
  } finally {
    await server.stop()
  }
}

/** A stored thread with one turn. */
const seedThread = async ({ peer }: AppServerProcess, cwd: string): Promise<string> => {
  const completed = new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`the first turn of the seed data took longer than ${TURN_MS} ms`)), TURN_MS)
    peer.onNotification((method) => {
      if (method !== 'turn/completed') return
      clearTimeout(timer)
      resolve()
    })
  })
  // Observed when it is awaited below; until then a rejection must not end the process.
  completed.catch(() => undefined)
  const { thread } = await peer.call('thread/start', { cwd } as ThreadStartParams)
  const input = [{ type: 'text', text: 'A seeded thread\n#say hello', text_elements: [] }]
  await peer.call('turn/start', { threadId: thread.id, input } as TurnStartParams)
  await completed
  return thread.id
}

/** False when the time was over before Codex answered. */
const fork = async ({ peer }: AppServerProcess, threadId: string, timeoutMs: number): Promise<boolean> => {
  try {
    await peer.request('thread/fork', { threadId }, { timeoutMs })
    return true
  } catch (error) {
    if (error instanceof RpcTimeoutError) return false
    throw error
  }
}
