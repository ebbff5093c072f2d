/** The load generator, in a thread of its own. Runs one order after the other; see `load-generator.ts`. */
import { parentPort } from 'node:worker_threads'
import { LoadConnection } from './load-connection.ts'
import type { LoadOrder, LoadResult } from './load-generator.ts'

const run = ({ connections, durationMs, port, paths }: LoadOrder): Promise<LoadResult> =>
  new Promise((resolve) => {
    let failure: string | undefined
    const open = Array.from(
      { length: connections },
      (_, index) => new LoadConnection(port, paths[index % paths.length] ?? '/', (error) => finish(error.message)),
    )
    const startedAt = performance.now()
    const finish = (problem?: string): void => {
      clearTimeout(timer)
      failure ??= problem
      const seconds = (performance.now() - startedAt) / 1000
      const answered = open.reduce((sum, connection) => sum + connection.answered, 0)
      for (const connection of open) connection.end()
      resolve({ requestsPerSecond: answered / seconds, failure })
    }
    const timer = setTimeout(finish, durationMs)
  })

parentPort?.on('message', (order: LoadOrder) => {
  void run(order).then((result) => parentPort?.postMessage(result))
})
