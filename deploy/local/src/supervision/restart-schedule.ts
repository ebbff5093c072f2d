const FIRST_DELAY_MS = 200
const LONGEST_DELAY_MS = 5000
/** A child that ran this long counts as healthy again. */
const HEALTHY_AFTER_MS = 30_000

/** How many times in a row a child has ended. */
export type RestartState = { failures: number }

export const noRestarts: RestartState = { failures: 0 }

/** Delay before the restart of a child that ran for `ranForMs`. */
export const nextRestart = (state: RestartState, ranForMs: number): { state: RestartState; delayMs: number } => {
  const failures = ranForMs >= HEALTHY_AFTER_MS ? 1 : state.failures + 1
  return { state: { failures }, delayMs: Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** (failures - 1)) }
}
