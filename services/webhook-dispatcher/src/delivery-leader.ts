import { decodeEnvelope, reactorLag, runReactor, WorkQueue } from '@codex-bridge/bus'
import { CHECKPOINTS, STREAMS } from '@codex-bridge/contracts'
import type { DispatcherContext } from './context.ts'
import { DeliveryManager } from './delivery/delivery-manager.ts'
import { JobPlanner } from './planning/job-planner.ts'

/** Names the leader's lease and the planner's checkpoint. */
export const ROLE = CHECKPOINTS.webhooks

/** What only the leading process does: it plans a job for every matching event and delivers the jobs. */
export class DeliveryLeader {
  readonly #context: DispatcherContext
  #delivery: DeliveryManager | undefined

  constructor(context: DispatcherContext) {
    this.#context = context
  }

  get leading(): boolean {
    return this.#delivery !== undefined
  }

  /** Attempts under way and jobs waiting in this process; zero unless it leads. */
  get load(): { inFlight: number; waiting: number } {
    return this.#delivery?.load() ?? { inFlight: 0, waiting: 0 }
  }

  /** Stored events not yet matched against the subscriptions, whichever process leads. */
  lag(): Promise<number> {
    return reactorLag(this.#context.bus, ROLE)
  }

  /** One term as leader: resolves after the signal fires and everything has stopped. */
  async lead(signal: AbortSignal): Promise<void> {
    const { bus, logger, store } = this.#context
    const planner = new JobPlanner({ bus, store, jobs: new WorkQueue(bus, STREAMS.jobs), logger })
    const delivery = new DeliveryManager(this.#context, planner)
    // At once: the reactor ends only after the event it is handling, which may wait for a long backfill.
    signal.addEventListener('abort', () => planner.stop(), { once: true })
    try {
      await planner.start()
      this.#delivery = delivery
      delivery.start()
      const observe = (problem: string) => logger.warn({ problem }, 'planner')
      await runReactor({ bus, name: ROLE, signal, observe, decode: decodeEnvelope }, (event) => planner.plan(event))
    } finally {
      planner.stop()
      await delivery.stop()
      this.#delivery = undefined
    }
  }
}
