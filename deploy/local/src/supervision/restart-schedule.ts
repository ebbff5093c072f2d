const FIRST_DELAY_MS = 200
const LONGEST_DELAY_MS = 5000
/** After this long without an end a child counts as healthy again. */
const HEALTHY_AFTER_MS = 30_000

/** How often a child ended in a row. Pure: the time comes in as an argument. */
export type RestartState = { failures: number }

export const noRestarts: RestartState = { failures: 0 }

/** The delay before the next start of a child that ended after running for `ranForMs`. */
export const nextRestart = (state: RestartState, ranForMs: number): { state: RestartState; delayMs: number } => {
  const failures = ranForMs >= HEALTHY_AFTER_MS ? 1 : state.failures + 1
  return { state: { failures }, delayMs: Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** (failures - 1)) }
}
