import { setTimeout as sleep } from 'node:timers/promises'
import { inspect } from 'node:util'

/** Result of `waitFor`: the value without the types that mean "not yet". */
export type Settled<T> = Exclude<T, null | undefined | false | 0 | ''>

export type WaitForOptions = {
  /** Default 5000. */
  timeoutMs?: number
  /** Default 20. */
  intervalMs?: number
  /** What is waited for, used in the error: "waited 5000 ms for <describe>". */
  describe?: string
}

const NOT_CALLED_BACK = Symbol('not called back')

const show = (value: unknown): string => {
  if (value === NOT_CALLED_BACK) return 'a call that did not return'
  const text = value instanceof Error ? `an error: ${value.message}` : inspect(value, { depth: 4, breakLength: 120 })
  return text.length > 2000 ? `${text.slice(0, 2000)}…` : text
}

/**
 * Calls `fn` until it returns a truthy value and resolves with it. An error thrown by `fn` counts as "not yet". After
 * the timeout it rejects with what was seen last, even if a call hangs.
 */
export const waitFor = async <T>(fn: () => T | Promise<T>, options: WaitForOptions = {}): Promise<Settled<T>> => {
  const { timeoutMs = 5000, intervalMs = 20, describe = 'a truthy value' } = options
  const deadline = performance.now() + timeoutMs
  let seen: unknown = NOT_CALLED_BACK
  for (;;) {
    const timer = new AbortController()
    try {
      const value = await Promise.race([
        Promise.resolve().then(fn),
        sleep(Math.max(1, deadline - performance.now()), NOT_CALLED_BACK, { signal: timer.signal }),
      ])
      if (value !== NOT_CALLED_BACK) {
        seen = value
        if (value) return value as Settled<T>
      }
    } catch (error) {
      seen = error
    } finally {
      timer.abort()
    }
    const left = deadline - performance.now()
    if (left <= 0) {
      const cause = seen instanceof Error ? { cause: seen } : undefined
      throw new Error(`waited ${timeoutMs} ms for ${describe}; last saw ${show(seen)}`, cause)
    }
    await sleep(Math.min(intervalMs, left))
  }
}
