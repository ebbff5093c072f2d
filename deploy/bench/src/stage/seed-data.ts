import { randomUUID } from 'node:crypto'
import { AppServerProcess, resolveCodexBinary, type ThreadStartParams, type TurnStartParams } from '@codex-bridge/codex-client'
import { type ApiClient, api } from '@codex-bridge/testkit'
import type { Stage } from './bench-stage.ts'

/** Lanes that are made at the same time. */
const LANES_AT_ONCE = 16
const TURN_MS = 20_000

/** What a bridge has that was used for a while. */
export type Stock = { laneId: string; lanes: number; threadId: string; threads: number; threadsMs: number; webhookId: string }

/** Fills the bridge: lanes through its API, threads through Codex itself in the bridge's home. */
export const makeStock = async (
  stage: Stage,
  plan: { lanes: number; threads: number; threadsMs: number },
  signal: AbortSignal,
): Promise<Stock> => {
  const http = api(stage.bridge.baseUrl)
  try {
    const lanes = await makeLanes(http, plan.lanes, signal)
    const webhookId = await makeWebhook(http)
    return { ...lanes, webhookId, ...(await makeThreads(stage, plan, signal)) }
  } finally {
    http.close()
  }
}

const post = async (http: ApiClient, path: string, body: unknown): Promise<Record<string, unknown>> => {
  const answer = await http.post<Record<string, unknown>>(path, body, { 'idempotency-key': randomUUID() })
  if (answer.status !== 201) throw new Error(`POST ${path} answered ${answer.status}: ${answer.text.slice(0, 300)}`)
  return answer.body
}

const makeLanes = async (http: ApiClient, count: number, signal: AbortSignal): Promise<Pick<Stock, 'laneId' | 'lanes'>> => {
  const idOf = (number: number): string => `bench-stock-${String(number).padStart(4, '0')}`
  let next = 0
  const makeSome = async (): Promise<void> => {
    while (next < count) {
      signal.throwIfAborted()
      const number = next
      next += 1
      const projectId = `project-${number % 10}`
      await post(http, '/lanes', {
        laneId: idOf(number),
        title: `Lane ${number} of the stock`,
        projectId,
        acceptanceCriteria: ['it is listed'],
      })
    }
  }
  await Promise.all(Array.from({ length: LANES_AT_ONCE }, makeSome))
  return { laneId: idOf(0), lanes: count }
}

/** Disabled: it is there to be read. */
const makeWebhook = async (http: ApiClient): Promise<string> => {
  const body = { url: 'http://127.0.0.1:9/nobody', events: ['lane.completed'], enabled: false }
  return String((await post(http, '/webhooks', body))['id'])
}

/**
 * One thread with a turn, and forks of it: each a stored thread with a first message of its own file, for half of the time a turn takes.
 * Ends early when the time is over; what there is then is what is measured.
 */
const makeThreads = async (
  stage: Stage,
  plan: { threads: number; threadsMs: number },
  signal: AbortSignal,
): Promise<Pick<Stock, 'threadId' | 'threads' | 'threadsMs'>> => {
  const startedAt = performance.now()
  const server = await AppServerProcess.start({
    binary: resolveCodexBinary().path,
    codexHome: stage.bridgeHome,
    cwd: stage.workspace,
    clientInfo: { name: 'codex-bridge-bench', version: '0.1.0' },
  })
  try {
    const over = new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('the first turn of the stock took too long')), TURN_MS)
      server.peer.onNotification((method) => {
        if (method !== 'turn/completed') return
        clearTimeout(timer)
        resolve()
      })
    })
    const { thread } = await server.peer.call('thread/start', { cwd: stage.workspace } as ThreadStartParams)
    const input = [{ type: 'text', text: 'A thread of the stock\n#say hello', text_elements: [] }]
    await Promise.all([over, server.peer.call('turn/start', { threadId: thread.id, input } as TurnStartParams)])
    let threads = 1
    for (; threads < plan.threads && performance.now() - startedAt < plan.threadsMs; threads += 1) {
      signal.throwIfAborted()
      await server.peer.request('thread/fork', { threadId: thread.id })
    }
    return { threadId: thread.id, threads, threadsMs: performance.now() - startedAt }
  } finally {
    await server.stop()
  }
}
