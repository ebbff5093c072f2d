/** Shares work under way: callers with the same key get the promise of the first until it settles. */
export class SingleFlight<K, V> {
  readonly #running = new Map<K, Promise<V>>()

  /** Number of keys with work under way. */
  get size(): number {
    return this.#running.size
  }

  has(key: K): boolean {
    return this.#running.has(key)
  }

  /** Everything under way. */
  pending(): Promise<V>[] {
    return [...this.#running.values()]
  }

  /** Starts `work`, or joins the work under way for this key. A failure reaches every caller, and the next call starts again. */
  run(key: K, work: () => Promise<V>): Promise<V> {
    const running = this.#running.get(key)
    if (running) return running
    const started = work().finally(() => this.#running.delete(key))
    this.#running.set(key, started)
    return started
  }
}
