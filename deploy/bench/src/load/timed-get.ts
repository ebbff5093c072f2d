import { Agent, get } from 'node:http'

const LIMIT_MS = 15_000

export type TimedAnswer = { status: number; ms: number; bytes: number }

/**
 * GET requests one after the other over one keep-alive connection, timed from sending to the last byte. Answers are not parsed: the
 * client runs on the same cores, and what it takes would be counted.
 */
export class TimedGet {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 })
  readonly #port: number

  constructor(port: number) {
    this.#port = port
  }

  /** @param whole false: only up to the head, for an answer that does not end by itself */
  get(path: string, whole = true): Promise<TimedAnswer> {
    return new Promise((resolve, reject) => {
      const startedAt = performance.now()
      const options = {
        host: '127.0.0.1',
        port: this.#port,
        path,
        agent: whole ? this.#agent : false,
        signal: AbortSignal.timeout(LIMIT_MS),
      }
      const request = get(options, (response) => {
        let bytes = 0
        const end = (): void => resolve({ status: response.statusCode ?? 0, ms: performance.now() - startedAt, bytes })
        response.once('error', whole ? reject : () => undefined)
        if (!whole) {
          end()
          response.destroy()
          return
        }
        response.on('data', (chunk: Buffer) => {
          bytes += chunk.length
        })
        response.once('end', end)
      })
      request.once('error', reject)
    })
  }

  close(): void {
    this.#agent.destroy()
  }
}
