export type Poll = {
  /** Time after which `poll` gives up, in milliseconds. */
  timeoutMs: number
  /** Pause between two probes, in milliseconds. */
  everyMs: number
  /** Ends the wait early. */
  signal?: AbortSignal | undefined
}

type Falsy = undefined | null | false

/**
 * Probes at once and then every `everyMs`, the last time at the deadline.
 * @returns the first truthy value; undefined after the deadline or an abort
 * @throws what `probe` throws
 */
export const poll = async <T>(
  probe: () => T | Falsy | Promise<T | Falsy>,
  { timeoutMs, everyMs, signal }: Poll,
): Promise<T | undefined> => {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    const value = await probe()
    if (value) return value
    const left = deadline - performance.now()
    if (left <= 0 || signal?.aborted) return
    await pause(Math.min(everyMs, left), signal)
  }
}

const pause = (ms: number, signal: AbortSignal | undefined): Promise<void> =>
  new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal?.addEventListener('abort', done)
  })
