import { setTimeout as sleep } from 'node:timers/promises'
import {
  type AppServerProcess,
  classifyResumeError,
  type ResumeErrorKind,
  RpcError,
  type Thread,
  type ThreadStartParams,
} from '@codex-bridge/codex-client'
import { BridgeError, type LaneState, type SessionState, type ThreadSummary } from '@codex-bridge/contracts'

/** A loaded (or, when deferred, a merely known) thread. */
export type LoadedThread = {
  thread: ThreadSummary
  stored: boolean
  readiness: { deferred: boolean; reason: string | null }
  replacedThreadId?: string
}

/** How long a lock held by a process that is just ending is waited for, in milliseconds. */
const LOCK_PATIENCE_MS = 5000
const LOCK_RETRY_MS = 250

const OFFERS: Record<Exclude<ResumeErrorKind, 'other'>, string[]> = {
  no_rollout: ['wait until the thread had its first turn', 'start a new thread'],
  active_writer: ['wait until the other process lets go', 'fork the thread', 'follow it read-only'],
  archived: ['unarchive the thread'],
}

/** Gives a session its thread: a new one, or the one it had or was asked to take over. */
export class ThreadLoader {
  readonly #server: AppServerProcess
  readonly #lane: LaneState
  readonly #cwd: string

  constructor(server: AppServerProcess, lane: LaneState, cwd: string) {
    this.#server = server
    this.#lane = lane
    this.#cwd = cwd
  }

  /** @throws BridgeError `readiness_blocked` (details: why, and what is offered) or `codex_error` */
  async load(session: SessionState): Promise<LoadedThread> {
    if (session.threadId === null) return await this.#startThread()
    try {
      return { thread: await this.#resume(session.threadId), stored: true, readiness: { deferred: false, reason: null } }
    } catch (error) {
      const kind = classifyResumeError(error)
      if (kind === 'other') throw codexError(error)
      // Nothing of our own new thread was ever stored, so a fresh one loses nothing; the event says so.
      if (kind === 'no_rollout' && !session.threadStored) return { ...(await this.#startThread()), replacedThreadId: session.threadId }
      if (kind !== 'archived' && this.#lane.readinessMode === 'lenient') {
        return { thread: { id: session.threadId, name: null, cwd: null }, stored: true, readiness: { deferred: true, reason: kind } }
      }
      throw new BridgeError('readiness_blocked', (error as Error).message, {
        details: { reason: kind, threadId: session.threadId, offers: OFFERS[kind] },
      })
    }
  }

  async #startThread(): Promise<LoadedThread> {
    const { model, title, acceptanceCriteria } = this.#lane
    const params = {
      cwd: this.#cwd,
      ...(model !== null && { model }),
      ...(acceptanceCriteria.length > 0 && { developerInstructions: criteria(acceptanceCriteria) }),
    } as ThreadStartParams
    const { thread } = await this.#call(() => this.#server.peer.call('thread/start', params))
    // Naming a thread also stores it, so from here on it can be resumed after a crash.
    if (title !== null) await this.#call(() => this.#server.peer.call('thread/name/set', { threadId: thread.id, name: title }))
    return {
      thread: { ...summary(thread), ...(title !== null && { name: title }) },
      stored: title !== null,
      readiness: { deferred: false, reason: null },
    }
  }

  async #resume(threadId: string): Promise<ThreadSummary> {
    const deadline = Date.now() + LOCK_PATIENCE_MS
    for (;;) {
      try {
        const { thread } = await this.#server.peer.call('thread/resume', { threadId, excludeTurns: true })
        return summary(thread)
      } catch (error) {
        // The predecessor of a recovered session may still be letting go of the thread.
        if (classifyResumeError(error) !== 'active_writer' || Date.now() > deadline) throw error
        await sleep(LOCK_RETRY_MS)
      }
    }
  }

  async #call<R>(call: () => Promise<R>): Promise<R> {
    try {
      return await call()
    } catch (error) {
      throw codexError(error)
    }
  }
}

const summary = (thread: Thread): ThreadSummary => ({ id: thread.id, name: thread.name ?? null, cwd: thread.cwd })

const criteria = (lines: string[]): string => `The work is accepted when all of this holds:\n${lines.map((line) => `- ${line}`).join('\n')}`

/** What Codex answered, as an error of the bridge; a lost or silent process keeps its own code. */
export const codexError = (error: unknown): BridgeError => {
  if (error instanceof BridgeError) return error
  if (error instanceof RpcError)
    return new BridgeError('codex_error', error.message, { details: { code: error.code, data: error.data ?? null }, cause: error })
  const timedOut = error instanceof Error && error.name === 'RpcTimeoutError'
  return new BridgeError(timedOut ? 'codex_timeout' : 'codex_unavailable', (error as Error).message, { cause: error })
}
