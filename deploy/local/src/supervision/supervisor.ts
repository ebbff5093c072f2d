import type { ChildSpec } from './child-spec.ts'
import { type ChildContext, SupervisedChild } from './supervised-child.ts'

/** The processes of one bridge, in the order in which they were started. */
export class Supervisor {
  readonly #context: ChildContext
  readonly #children = new Map<string, SupervisedChild>()
  #stopping = false

  constructor(context: ChildContext) {
    this.#context = context
  }

  /**
   * Starts a process, waits until it is ready, and keeps it running from then on.
   * @throws ChildStartError when it could not be started; nothing of it is left then
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

  /** The process of a name. @throws Error for a name that was never started */
  child(name: string): SupervisedChild {
    const child = this.#children.get(name)
    if (!child) throw new Error(`No process of the name ${name}; there are ${this.names().join(', ')}`)
    return child
  }

  /** Ends all in reverse order; with `now` at once. Safe to call again: a call with `now` cuts the waiting of an earlier one. */
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
