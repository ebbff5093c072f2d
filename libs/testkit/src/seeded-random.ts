/** The seed of this test run. The runner's configuration sets TEST_SEED; a failing test prints it. */
const seed = Number(process.env['TEST_SEED'] ?? 0)

/**
 * Pseudo-random numbers in [0, 1). `name` keeps the sequences of two tests apart; the same seed and name give the same sequence.
 */
export const seededRandom = (name: string): (() => number) => {
  let state = [...name].reduce((hash, letter) => Math.imul(hash, 31) + letter.charCodeAt(0), seed) >>> 0
  return () => {
    // Mulberry32.
    state = (state + 0x6d_2b_79_f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
