/** Runs tasks one at a time, in the order they were added. A failed task does not stop the next one. */
export class SerialQueue {
  #tail: Promise<unknown> = Promise.resolve()
  #waiting = 0

  /** Tasks that have not finished, the running one included. */
  get waiting(): number {
    return this.#waiting
  }

  run<T>(work: () => Promise<T>): Promise<T> {
    this.#waiting += 1
    const result = this.#tail.then(work)
    const finish = () => {
      this.#waiting -= 1
    }
    this.#tail = result.then(finish, finish)
    return result
  }

  /** Resolves when every task added so far has finished or failed. */
  async settled(): Promise<void> {
    await this.#tail
  }
}
