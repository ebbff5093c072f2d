import {
  type AskForApproval,
  codexErrorKind,
  isUnready,
  type LoadedThreadResult,
  type ThreadResumeParams,
  type ThreadStartParams,
  type Unready,
} from '@codex-bridge/codex-client'
import type { BridgeError, ThreadSummary } from '@codex-bridge/contracts'
import { poll } from '@codex-bridge/platform'
import { codexError, unreadyError } from '../codex/codex-failures.ts'
import { takeoverSettings } from '../config.ts'
import type { SessionContext } from '../sessions/session-context.ts'

/** What Codex may do on a thread, as it reports it. */
type ThreadSettings = { approvalPolicy: AskForApproval; sandbox: string }

/** A loaded thread, or a merely known one while it is deferred. */
export type LoadedThread = {
  thread: ThreadSummary
  stored: boolean
  readiness: { deferred: boolean; reason: string | null }
  /** Null while deferred. */
  settings: ThreadSettings | null
  replacedThreadId?: string
}

/** How long to wait for the writer lock of a process that is just ending. */
const LOCK_WAIT = { timeoutMs: 5000, everyMs: 250 }

/**
 * Loads the session's thread: a new one, or the one it had or was asked to take over.
 * @throws BridgeError `readiness_blocked` (details: why, who holds it, and what is offered) or `codex_error`
 */
export const loadThread = async (context: SessionContext): Promise<LoadedThread> => {
  const { threadId, threadStored } = context.store.state
  if (threadId === null) return await startThread(context)
  try {
    return await resumeOnceUnlocked(context, threadId)
  } catch (error) {
    const kind = codexErrorKind(error)
    if (!isUnready(kind)) throw codexError(error)
    // Nothing of our own new thread was ever stored, so replacing it loses nothing. The event says so.
    if (kind === 'no_rollout' && !threadStored) return { ...(await startThread(context)), replacedThreadId: threadId }
    if (kind !== 'archived' && context.lane.readinessMode === 'lenient') {
      const thread = { id: threadId, name: null, cwd: null }
      return { thread, stored: true, readiness: { deferred: true, reason: kind }, settings: null }
    }
    throw refusal(context, kind, threadId, error)
  }
}

/** Tries a thread that was not ready once more. @returns why it still is not. @throws BridgeError for anything else */
export const retryThread = async (context: SessionContext): Promise<LoadedThread | Unready> => {
  try {
    return await resume(context, context.store.state.threadId ?? '')
  } catch (error) {
    const kind = codexErrorKind(error)
    if (isUnready(kind)) return kind
    throw codexError(error)
  }
}

/** Loads a thread again that Codex unloaded under a live session, as archiving does. @throws BridgeError as `loadThread` */
export const reloadThread = async (context: SessionContext): Promise<void> => {
  const threadId = context.store.state.threadId ?? ''
  try {
    await resume(context, threadId)
  } catch (error) {
    const kind = codexErrorKind(error)
    throw isUnready(kind) ? refusal(context, kind, threadId, error) : codexError(error)
  }
}

const startThread = async ({ server, cwd, lane }: SessionContext): Promise<LoadedThread> => {
  const { model, title, acceptanceCriteria } = lane
  const params: ThreadStartParams = {
    cwd,
    ...(model !== null && { model }),
    ...(acceptanceCriteria.length > 0 && { developerInstructions: criteria(acceptanceCriteria) }),
  }
  try {
    const started = await server.peer.call('thread/start', params)
    const { thread } = started
    // Naming a thread also stores it, so from here on it can be resumed after a crash.
    if (title !== null) await server.peer.call('thread/name/set', { threadId: thread.id, name: title })
    return {
      thread: { id: thread.id, name: title ?? thread.name ?? null, cwd: thread.cwd ?? started.cwd },
      stored: title !== null,
      readiness: { deferred: false, reason: null },
      settings: settingsOf(started),
    }
  } catch (error) {
    throw codexError(error)
  }
}

/**
 * Resumes a thread whose writer lock may still be held by the predecessor of a recovered session. A foreign program will not let go
 * soon, so it is not waited for.
 */
const resumeOnceUnlocked = async (context: SessionContext, threadId: string): Promise<LoadedThread> => {
  let refused: unknown
  const loaded = await poll(async () => {
    try {
      return await resume(context, threadId)
    } catch (error) {
      refused = error
      if (codexErrorKind(error) !== 'active_writer') throw error
      const holder = context.runner.scanner.holderOf(threadId)
      if (holder && holder.surface !== 'bridge') throw error
      return
    }
  }, LOCK_WAIT)
  if (loaded) return loaded
  throw refused
}

const resume = async (context: SessionContext, threadId: string): Promise<LoadedThread> => {
  const { server, lane, cwd, store, runner } = context
  const attached = store.state.attached === true
  const params: ThreadResumeParams = {
    threadId,
    excludeTurns: true,
    // A thread comes back with the settings of its last turn, which may be `never` with full access. Those of another program must
    // not apply unseen. Settings made here stay with our own threads.
    ...(attached && takeoverSettings(runner.config)),
    ...(attached && lane.model !== null && { model: lane.model }),
    ...(attached && (lane.worktreePath ?? lane.repoRoot) !== null && { cwd }),
  }
  const resumed = await server.peer.call('thread/resume', params)
  // The lane's own folder was checked, and a scratch folder belongs to the bridge.
  if (resumed.cwd !== cwd) runner.workspaces.assertAllowed(resumed.cwd)
  return {
    thread: { id: resumed.thread.id, name: resumed.thread.name ?? null, cwd: resumed.cwd },
    stored: true,
    readiness: { deferred: false, reason: null },
    settings: settingsOf(resumed),
  }
}

const refusal = (context: SessionContext, kind: Unready, threadId: string, error: unknown): BridgeError =>
  unreadyError(kind, threadId, (error as Error).message, kind === 'active_writer' ? context.runner.scanner.holderOf(threadId) : null)

/** Codex reports the sandbox as a policy object and takes it as a mode. The mode is what people know. */
const settingsOf = ({ approvalPolicy, sandbox }: LoadedThreadResult): ThreadSettings => ({
  approvalPolicy,
  sandbox: sandbox.type.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`),
})

const criteria = (lines: string[]): string => `The work is accepted when all of this holds:\n${lines.map((line) => `- ${line}`).join('\n')}`
