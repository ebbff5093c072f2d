/** Path of a codex binary (or of its npm launcher) to run the tests with. Not set: the one pinned in this repository. */
const VARIABLE = 'BRIDGE_TEST_CODEX_BIN'

/**
 * The CODEX_BIN of a bridge or binary resolver under test, if any. A developer's own CODEX_BIN is ignored, so that tests give the
 * same result on every machine unless another version is asked for.
 */
export const codexUnderTest = (): { CODEX_BIN?: string } => {
  const path = process.env[VARIABLE]
  return path ? { CODEX_BIN: path } : {}
}
