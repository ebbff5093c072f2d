/** npm forwards a Ctrl-C that the terminal has already sent to the whole group: a second signal this soon is the same one. */
const SAME_SIGNAL_MS = 250
const SIGNALS: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP']

export type StopSignals = {
  /** Aborted by the first SIGINT, SIGTERM or SIGHUP: stop. */
  readonly first: AbortSignal
  /** Aborted by the second: stop at once. */
  readonly second: AbortSignal
  /** Restores the ordinary meaning of the signals. */
  dispose(): void
}

export const listenForStop = (): StopSignals => {
  const first = new AbortController()
  const second = new AbortController()
  let firstAt = 0
  const onSignal = (): void => {
    const now = performance.now()
    if (!first.signal.aborted) {
      firstAt = now
      first.abort(new Error('Stopped'))
    } else if (now - firstAt > SAME_SIGNAL_MS) second.abort()
  }
  for (const signal of SIGNALS) process.on(signal, onSignal)
  return {
    first: first.signal,
    second: second.signal,
    dispose: () => {
      for (const signal of SIGNALS) process.off(signal, onSignal)
    },
  }
}

/** Resolves when a signal is aborted, at once if it has been. */
export const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
