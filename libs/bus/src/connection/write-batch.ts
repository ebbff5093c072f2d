let pending: Promise<void> | undefined

/**
 * Resolves at the end of this turn of the event loop, for everybody who asked in it. What they send then leaves in one write: the
 * library writes what one run of microtasks sends, and every write costs more than the message in it.
 */
export const writeBatch = (): Promise<void> => {
  pending ??= new Promise((resolve) => {
    setImmediate(() => {
      pending = undefined
      resolve()
    })
  })
  return pending
}
