import { SOURCE_KINDS } from '@codex-bridge/contracts'
import type { SeedData } from '../stage/seed-data.ts'

/** A GET request to time. */
export type RouteCall = {
  /** As in the report. */
  name: string
  /** As in the OpenAPI document. */
  template: string
  path: string
  /** The answer goes on until the client leaves: timed up to its head. */
  endless: boolean
  /** Why it may take longer than the target, where that is known. */
  cause: string | undefined
  /** What Codex alone is asked as the baseline; undefined where the bridge itself answers. */
  question: CodexQuestion | undefined
}

const SCATTER = 'asks all instances and takes answers until 100 ms have passed without another: nobody knows how many there are'
const CODEX_LIST = 'Codex reads the file of each thread it lists; the baseline is Codex alone with the same pages'

/** What is known to take its time, by template; see docs/lessons.md. */
const CAUSES: Record<string, string> = {
  '/health': SCATTER,
  '/codex/running': SCATTER,
  '/codex/threads': CODEX_LIST,
  '/codex/active': CODEX_LIST,
}

/** What Codex is asked for an answer of the bridge: `threads` over as many pages as that takes. */
export type CodexQuestion = { method: string; params: Record<string, unknown>; threads?: number }

const questionOf = (name: string, threadId: string): CodexQuestion | undefined => {
  const questions: Record<string, CodexQuestion> = {
    'GET /codex/threads': { method: 'thread/list', params: {}, threads: 50 },
    'GET /codex/threads?limit=200': { method: 'thread/list', params: {}, threads: 200 },
    'GET /codex/active': { method: 'thread/list', params: { sortKey: 'updated_at', sourceKinds: SOURCE_KINDS }, threads: 500 },
    'GET /codex/threads/{threadId}': { method: 'thread/read', params: { threadId, includeTurns: false } },
    'GET /codex/threads/{threadId}?includeTurns=true': { method: 'thread/read', params: { threadId, includeTurns: true } },
    'GET /codex/app/list': { method: 'app/list', params: {} },
    'GET /codex/skills/list': { method: 'skills/list', params: {} },
    'GET /codex/model/list': { method: 'model/list', params: {} },
  }
  return questions[name]
}

/** Further queries of a route, beside the plain one. */
const QUERIES: Record<string, string[]> = {
  '/lanes': ['limit=200', 'status=idle', 'status=failed', 'q=0999', 'q=0999&limit=1'],
  '/lanes/{laneId}/events': ['limit=1000'],
  '/codex/threads': ['limit=200'],
  '/codex/threads/{threadId}': ['includeTurns=true'],
}

const ENDLESS = new Set(['/events/stream'])

export type OpenApiPaths = Record<string, Record<string, unknown>>

/**
 * Every GET route of the document, once plain and once per further query.
 * @throws Error for a parameter nothing is known to fill: a route that is not measured must not pass for one that is fast
 */
export const routeCalls = (paths: OpenApiPaths, seed: Pick<SeedData, 'threadId' | 'webhookId'>, busyLane: string): RouteCall[] => {
  const values: Record<string, string> = {
    laneId: busyLane,
    threadId: seed.threadId,
    id: seed.webhookId,
    name: 'swagger-ui-bundle.js',
  }
  const fill = (template: string): string =>
    template.replaceAll(/\{(\w+)\}/g, (_all, name: string) => {
      const value = values[name]
      if (value === undefined) throw new Error(`nothing to fill {${name}} of ${template} with`)
      return encodeURIComponent(value)
    })
  const callOf = (template: string, query: string): RouteCall => {
    const name = `GET ${template}${query}`
    const question = questionOf(name, seed.threadId)
    return { name, template, path: `${fill(template)}${query}`, endless: ENDLESS.has(template), cause: CAUSES[template], question }
  }
  return Object.keys(paths)
    .filter((template) => 'get' in (paths[template] ?? {}))
    .sort()
    .flatMap((template) => ['', ...(QUERIES[template] ?? []).map((query) => `?${query}`)].map((query) => callOf(template, query)))
}
