import { setTimeout as sleep } from 'node:timers/promises'
import type { LeaseTable } from './lease.ts'

const RETRY_MS = 1000

export type LeaderOptions = {
  table: LeaseTable
  /** One leader per role. */
  role: string
  signal: AbortSignal
  observe?: (event: 'leading' | 'following', problem?: unknown) => void
}

/**
 * Runs `lead` while this process is the leader of a role, again and again until the signal fires. `lead` must end soon after
 * its own signal fires. Two leaders may overlap for a moment: what they write is guarded by the event log, not by this.
 */
export const runAsLeader = async (options: LeaderOptions, lead: (signal: AbortSignal) => Promise<void>): Promise<void> => {
  while (!options.signal.aborted) {
    const term = new AbortController()
    const stop = () => term.abort()
    options.signal.addEventListener('abort', stop, { once: true })
    try {
      const lease = await options.table.acquire(`leader.${options.role}`, stop)
      if (lease) {
        options.observe?.('leading')
        try {
          await lead(term.signal)
        } finally {
          term.abort()
          await lease.release()
          options.observe?.('following')
        }
      }
    } catch (error) {
      options.observe?.('following', error)
    } finally {
      options.signal.removeEventListener('abort', stop)
    }
    if (!options.signal.aborted) await sleep(RETRY_MS, undefined, { signal: options.signal }).catch(() => undefined)
  }
}
