import { setTimeout as sleep } from 'node:timers/promises'
import type { ProcessName, RunningBridge } from '@codex-bridge/local'
import { seededRandom } from '@codex-bridge/testkit'

const FEWEST_MS = 2000
const MOST_MS = 4000

const isRunner = (name: string): boolean => name.startsWith('session-runner')

/**
 * Kills a random process of a bridge every two to four seconds. Killing a session-runner interrupts its turns, as documented, so
 * runners are killed only when the test asks for it.
 */
export class ReplicaKiller {
  readonly killed: ProcessName[] = []
  readonly #bridge: RunningBridge
  readonly #random: () => number
  readonly #ending = new AbortController()
  #killing: Promise<void> | undefined

  constructor(bridge: RunningBridge, name: string) {
    this.#bridge = bridge
    this.#random = seededRandom(name)
  }

  start(): void {
    this.#killing = this.#killOnAndOn()
  }

  async stop(): Promise<void> {
    this.#ending.abort()
    await this.#killing
  }

  /** Kills a random session-runner in half of the calls. */
  async killRunner(): Promise<void> {
    if (this.#random() < 0.5) await this.#killOne(isRunner)
  }

  async #killOnAndOn(): Promise<void> {
    const { signal } = this.#ending
    while (!signal.aborted) {
      await sleep(FEWEST_MS + this.#random() * (MOST_MS - FEWEST_MS), undefined, { signal }).catch(() => undefined)
      if (!signal.aborted) await this.#killOne((name) => !isRunner(name))
    }
  }

  async #killOne(may: (name: string) => boolean): Promise<void> {
    const running = (Object.keys(this.#bridge.pids) as ProcessName[]).filter((name) => name !== 'nats' && name !== 'redis' && may(name))
    const victim = running.sort()[Math.floor(this.#random() * running.length)]
    if (!victim) return
    this.killed.push(victim)
    process.stdout.write(`${new Date().toISOString()} kill ${victim}\n`)
    await this.#bridge.kill(victim)
  }
}
