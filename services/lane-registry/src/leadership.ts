import { type Bus, decodeEvent, type LeaseTable, reactorCheckpoint, runAsLeader, runReactor } from '@codex-bridge/bus'
import type { Logger } from '@codex-bridge/service-kit'
import { POLICY } from './projection/lane-projection.ts'
import type { RedisCopy } from './projection/redis-copy.ts'
import type { Retention } from './retention/retention.ts'
import type { SessionReconciler } from './sessions/session-reconciler.ts'
import type { StatusPolicy } from './status/status-policy.ts'
import type { ThreadWatcher } from './watch/thread-watcher.ts'
import { serveWatch } from './watch/watch-endpoints.ts'

export type LeadershipOptions = {
  bus: Bus
  leases: LeaseTable
  policy: StatusPolicy
  copy: RedisCopy
  reconciler: SessionReconciler
  retention: Retention
  watcher: ThreadWatcher
  logger: Logger
  instance: string
}

/** Announces the status that follows from each event, then shows it in Redis, until the signal fires. */
export const announce = async (
  { bus, policy, copy, logger }: Pick<LeadershipOptions, 'bus' | 'policy' | 'copy' | 'logger'>,
  signal: AbortSignal,
): Promise<void> => {
  const answered = await reactorCheckpoint(bus, POLICY)
  const observe = (problem: string) => logger.warn({ problem }, 'status policy')
  const answering = runReactor({ bus, name: POLICY, signal, observe, decode: decodeEvent }, async (event) => {
    await policy.answer(event)
    copy.changed(event.laneId, event.seq)
  })
  await Promise.all([answering, copy.run(signal, answered)])
}

/** What only one registry does at a time: announce statuses, write Redis, reconcile sessions, purge the log, watch threads. Every registry answers. */
export class Leadership {
  readonly #options: LeadershipOptions
  #isLeading = false

  constructor(options: LeadershipOptions) {
    this.#options = options
  }

  get isLeading(): boolean {
    return this.#isLeading
  }

  /** True while this process leads and Redis is known to equal the projection. */
  get isCopyIntact(): boolean {
    return this.#isLeading && this.#options.copy.isIntact
  }

  /** Leads whenever no other registry does, until the signal fires. */
  async run(signal: AbortSignal): Promise<void> {
    const { leases, logger } = this.#options
    const observe = (event: string, problem?: unknown) =>
      logger.info({ event, ...(problem !== undefined && { err: problem }) }, 'leadership')
    await runAsLeader({ table: leases, role: 'lane-registry', signal, observe }, (term) => this.#lead(term))
  }

  async #lead(signal: AbortSignal): Promise<void> {
    const { bus, reconciler, retention, watcher, logger, instance } = this.#options
    const endpoints = await serveWatch({ bus, watcher, logger, instance })
    try {
      this.#isLeading = true
      await Promise.all([announce(this.#options, signal), reconciler.run(signal), retention.run(signal), watcher.run(signal)])
    } finally {
      this.#isLeading = false
      await endpoints.stop()
    }
  }
}
