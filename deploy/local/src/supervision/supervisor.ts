import type { ChildSpec } from './child-spec.ts'
import { type ChildContext, SupervisedChild } from './supervised-child.ts'

/** The processes of one bridge, in start order. */
export class Supervisor {
  readonly #context: ChildContext
  readonly #children = new Map<string, SupervisedChild>()
  #stopping = false

  constructor(context: ChildContext) {
    this.#context = context
  }

  /**
   * Starts a process, waits until it is ready, and keeps it running.
   * @throws ChildStartError when it could not be started; nothing of it is left running then
   */
  async start(spec: ChildSpec): Promise<void> {
    if (this.#stopping) throw new Error('The bridge is being stopped')
    const child = new SupervisedChild(spec, this.#context)
    this.#children.set(spec.name, child)
    try {
      await child.start()
    } catch (error) {
      child.log.close()
      this.#children.delete(spec.name)
      throw error
    }
  }

  names(): string[] {
    return [...this.#children.keys()]
  }

  /** @throws Error for a process that was never started */
  child(name: string): SupervisedChild {
    const child = this.#children.get(name)
    if (!child) throw new Error(`There is no process ${name}; known are ${this.names().join(', ')}`)
    return child
  }

  /** Stops all in reverse order, or all at once with `now`, which also cuts the grace time of an earlier call short. */
  async stop(now = false): Promise<void> {
    this.#stopping = true
    const children = [...this.#children.values()].reverse()
    for (const child of children) child.retire()
    if (now) await Promise.all(children.map((child) => child.stop(true)))
    else for (const child of children) await child.stop()
    for (const child of children) child.log.close()
    this.#children.clear()
  }
}
