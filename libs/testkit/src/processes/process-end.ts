const FATAL_SIGNALS: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP']
const callbacks = new Set<() => void>()
let hooksInstalled = false

const runAll = (): void => {
  for (const callback of callbacks) {
    callbacks.delete(callback)
    try {
      callback()
    } catch {
      // A failing callback must not prevent the others.
    }
  }
}

/**
 * Runs a synchronous callback once when this process ends: normally, after an uncaught error, or by a signal that can be
 * caught. Test runners end their workers by signal, where an 'exit' listener alone would not run.
 */
export const onProcessEnd = (callback: () => void): void => {
  callbacks.add(callback)
  if (hooksInstalled) return
  hooksInstalled = true
  // A test runner that survives an uncaught error keeps its servers, which other tests of the same process still use.
  process.once('exit', runAll)
  for (const signal of FATAL_SIGNALS) {
    const onSignal = (): void => {
      process.off(signal, onSignal)
      // With another listener the program has its own shutdown sequence, and 'exit' follows it.
      if (process.listenerCount(signal) === 0) {
        runAll()
        process.kill(process.pid, signal)
      }
    }
    process.on(signal, onSignal)
  }
}
