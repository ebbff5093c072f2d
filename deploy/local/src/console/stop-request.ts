/** npm passes on a Ctrl-C that the terminal has already sent to everybody: the second of such a pair is not a second wish. */
const SAME_WISH_MS = 250
const SIGNALS: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP']

export type StopRequest = {
  /** Raised by the first SIGINT, SIGTERM or SIGHUP. */
  readonly first: AbortSignal
  /** Raised by the second. */
  readonly second: AbortSignal
  /** Gives the signals their ordinary meaning back. */
  dispose(): void
}

/** Turns the signals of an operator into wishes: to stop, then to stop at once. */
export const listenForStop = (): StopRequest => {
  const first = new AbortController()
  const second = new AbortController()
  let firstAt = 0
  const onSignal = (): void => {
    const now = performance.now()
    if (!first.signal.aborted) {
      firstAt = now
      first.abort(new Error('Stopped'))
    } else if (now - firstAt > SAME_WISH_MS) second.abort()
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

/** Resolves when a signal is raised, at once when it has been. */
export const raised = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
