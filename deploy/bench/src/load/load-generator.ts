import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { LoadTarget } from './load-connection.ts'

export type LoadOrder = LoadTarget & { connections: number; durationMs: number }
export type LoadResult = { requestsPerSecond: number; failure: string | undefined }

/** Asks a server as fast as it answers, from a thread of its own. */
export class LoadGenerator {
  readonly #worker = new Worker(new URL('./load-worker.js', import.meta.url))

  /** Resolves with the answers per second. @throws Error when a connection broke or an answer was not 200 */
  async run(order: LoadOrder): Promise<number> {
    const answer = once(this.#worker, 'message')
    this.#worker.postMessage(order)
    const [result] = (await answer) as [LoadResult]
    if (result.failure !== undefined) throw new Error(result.failure)
    return result.requestsPerSecond
  }

  async stop(): Promise<void> {
    await this.#worker.terminate()
  }
}
