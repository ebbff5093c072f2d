import { BridgeError } from '@codex-bridge/contracts'

/** How many commands are remembered. */
const MOST = 500

type Known = { fingerprint: string; answer: Promise<unknown> }

/**
 * Answers a repeated command with its first answer. For calls on threads outside every lane, which leave nothing in the event log
 * to remember them by: it holds for a client's retries, not over a restart of this process.
 */
export class CommandMemory {
  readonly #known = new Map<string, Known>()

  /** @throws BridgeError `idempotency_key_reused` for another request under the same id, or what `work` throws */
  run<T>(commandId: string, fingerprint: string, work: () => Promise<T>): Promise<T> {
    const known = this.#known.get(commandId)
    if (known) {
      if (known.fingerprint !== fingerprint) return Promise.reject(new BridgeError('idempotency_key_reused'))
      return known.answer as Promise<T>
    }
    const answer = work()
    this.#known.set(commandId, { fingerprint, answer })
    answer.catch((error: unknown) => {
      // A refusal changed nothing and may be tried again. Without an answer it may have run: a retry must not run it twice.
      if (!isUnknown(error)) this.#known.delete(commandId)
    })
    const [oldest] = this.#known.keys()
    if (this.#known.size > MOST && oldest !== undefined) this.#known.delete(oldest)
    return answer
  }
}

const isUnknown = (error: unknown): boolean =>
  error instanceof BridgeError && (error.code === 'command_timeout' || error.code === 'codex_timeout')
