/** A map of at most `limit` entries. Setting a key makes it the newest; the oldest is dropped over the limit. */
export class BoundedMap<K, V> {
  readonly #entries = new Map<K, V>()
  readonly #limit: number

  constructor(limit: number) {
    this.#limit = limit
  }

  get size(): number {
    return this.#entries.size
  }

  has(key: K): boolean {
    return this.#entries.has(key)
  }

  get(key: K): V | undefined {
    return this.#entries.get(key)
  }

  set(key: K, value: V): void {
    this.#entries.delete(key)
    this.#entries.set(key, value)
    if (this.#entries.size <= this.#limit) return
    for (const oldest of this.#entries.keys()) {
      this.#entries.delete(oldest)
      return
    }
  }

  delete(key: K): boolean {
    return this.#entries.delete(key)
  }
}

/** A set of at most `limit` values. Adding a value makes it the newest; the oldest is dropped over the limit. */
export class BoundedSet<T> {
  readonly #values: BoundedMap<T, true>

  constructor(limit: number) {
    this.#values = new BoundedMap(limit)
  }

  get size(): number {
    return this.#values.size
  }

  has(value: T): boolean {
    return this.#values.has(value)
  }

  add(value: T): void {
    this.#values.set(value, true)
  }

  delete(value: T): boolean {
    return this.#values.delete(value)
  }
}
