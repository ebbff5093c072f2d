import type { Surface, ThreadSeen } from '@codex-bridge/contracts'

/** What Codex says of a lane's thread. */
export type ThreadFacts = {
  title: string | null
  cwd: string | null
  branch: string | null
  surface: Surface
  /** Unix seconds. */
  updatedAt: number | null
  archived: boolean
}

/** A thread nobody has looked at: stored, open nowhere else, its workspace there. */
export const UNTOUCHED: ThreadSeen = {
  name: null,
  branch: null,
  updatedAt: null,
  archived: false,
  missing: false,
  writer: null,
  workspaceMissing: false,
}

/** What is to be remembered of a thread that was just described by Codex. */
export const seenOf = (facts: ThreadFacts, before: ThreadSeen | null): ThreadSeen => ({
  ...(before ?? UNTOUCHED),
  name: facts.title,
  branch: facts.branch,
  updatedAt: facts.updatedAt,
  archived: facts.archived,
  missing: false,
})
