import type { PreferredSurface, Surface } from '@codex-bridge/contracts'

/** What Codex tells of a thread, as far as the bridge reads it. Times are Unix seconds. */
export type CodexThread = {
  id: string
  name?: string | null
  preview?: string
  cwd?: string | null
  source?: unknown
  originator?: string | null
  updatedAt?: number
  recencyAt?: number
  createdAt?: number
  status?: { type?: string }
  gitInfo?: { branch?: string | null } | null
  parentThreadId?: string | null
  forkedFromId?: string | null
  agentNickname?: string | null
  agentRole?: string | null
  path?: string | null
}

/** Codex says it only by where it keeps the thread. */
export const isArchived = ({ path }: Pick<CodexThread, 'path'>): boolean => path?.includes('/archived_sessions/') ?? false

const BY_ORIGINATOR: Record<string, Surface> = {
  'Codex Desktop': 'mac-app',
  codex_vscode: 'vscode',
  'codex-tui': 'cli',
  codex_cli_rs: 'cli',
  codex_exec: 'cli',
}

/**
 * The surface a thread came from. `source` alone cannot tell: every app-server client is "vscode", so the originator decides
 * where it is known; a client the table does not know, the bridge itself among them, is unknown.
 */
export const surfaceOf = (thread: Pick<CodexThread, 'source' | 'originator'>): Surface => {
  if (thread.originator)
    return BY_ORIGINATOR[thread.originator] ?? (thread.source === 'cli' || thread.source === 'exec' ? 'cli' : 'unknown')
  return thread.source === 'cli' || thread.source === 'exec' ? 'cli' : thread.source === 'vscode' ? 'vscode' : 'unknown'
}

export type ActiveQuery = {
  windowSec: number
  source?: string | undefined
  surface?: Surface | undefined
  originator?: string | undefined
  preferOriginator?: string | undefined
  preferredSurface?: PreferredSurface | undefined
}

export type ActiveThread = {
  thread: CodexThread
  surface: Surface
  laneIds: string[]
  activeSecAgo: number
  score: number
  because: string[]
}

const lastActive = (thread: CodexThread): number => thread.recencyAt ?? thread.updatedAt ?? thread.createdAt ?? 0

/** Preferences outrank recency; recency, from 1 (now) to 0 (edge of the window), orders within them. */
const ORIGINATOR_WEIGHT = 4
const SURFACE_WEIGHT = 2

/** Threads with activity inside the window that pass the filters, best first; each says why it ranks there. */
export const rankActive = (
  threads: CodexThread[],
  query: ActiveQuery,
  nowSec: number,
  lanesOf: (thread: CodexThread) => string[],
): ActiveThread[] =>
  threads
    .map((thread) => rank(thread, query, nowSec, lanesOf(thread)))
    .filter(({ thread, surface, activeSecAgo }) => {
      if (activeSecAgo > query.windowSec) return false
      if (query.source !== undefined && thread.source !== query.source) return false
      if (query.surface !== undefined && surface !== query.surface) return false
      return query.originator === undefined || thread.originator === query.originator
    })
    .sort(
      (left, right) =>
        right.score - left.score || lastActive(right.thread) - lastActive(left.thread) || (left.thread.id < right.thread.id ? -1 : 1),
    )

const rank = (thread: CodexThread, query: ActiveQuery, nowSec: number, laneIds: string[]): ActiveThread => {
  const surface = surfaceOf(thread)
  const activeSecAgo = Math.max(0, Math.round(nowSec - lastActive(thread)))
  const because = [`active ${activeSecAgo} s ago`]
  let score = Math.max(0, 1 - activeSecAgo / query.windowSec)
  if (query.preferOriginator !== undefined && thread.originator === query.preferOriginator) {
    score += ORIGINATOR_WEIGHT
    because.push(`preferred originator ${query.preferOriginator}`)
  }
  if (query.preferredSurface !== undefined && query.preferredSurface !== 'any' && surface === query.preferredSurface) {
    score += SURFACE_WEIGHT
    because.push(`preferred surface ${surface}`)
  }
  if (laneIds.length > 0) because.push(`attached to ${laneIds.join(', ')}`)
  return { thread, surface, laneIds, activeSecAgo, score: Math.round(score * 1000) / 1000, because }
}
