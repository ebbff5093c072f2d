import type { Stock } from './stock.maker.ts'

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
}

const SCATTER = 'asks all instances and takes answers until 100 ms have passed without another: nobody knows how many there are'
const CODEX_LIST = 'Codex reads the files of the threads it lists; see the same pages on stdio, beside'
const CODEX = "Codex's own time; see docs/lessons.md"

/** What is known to take its time, by template; a measured fact each, see docs/lessons.md. */
const CAUSES: Record<string, string> = {
  '/health': SCATTER,
  '/codex/running': SCATTER,
  '/codex/threads': CODEX_LIST,
  '/codex/active': CODEX_LIST,
  '/codex/app/list': CODEX,
  '/codex/skills/list': CODEX,
  '/codex/model/list': CODEX,
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
export const routeCalls = (paths: OpenApiPaths, stock: Pick<Stock, 'threadId' | 'webhookId'>, busyLane: string): RouteCall[] => {
  const values: Record<string, string> = {
    laneId: busyLane,
    threadId: stock.threadId,
    id: stock.webhookId,
    name: 'swagger-ui-bundle.js',
  }
  const fill = (template: string): string =>
    template.replaceAll(/\{(\w+)\}/g, (_all, name: string) => {
      const value = values[name]
      if (value === undefined) throw new Error(`nothing to fill {${name}} of ${template} with`)
      return encodeURIComponent(value)
    })
  return Object.keys(paths)
    .filter((template) => 'get' in (paths[template] ?? {}))
    .sort()
    .flatMap((template) =>
      ['', ...(QUERIES[template] ?? [])].map((query) => ({
        name: `GET ${template}${query && `?${query}`}`,
        template,
        path: `${fill(template)}${query && `?${query}`}`,
        endless: ENDLESS.has(template),
        cause: CAUSES[template],
      })),
    )
}
