/** Path of a codex binary (or of its npm launcher) to run the tests with. Not set: the one pinned in this repository. */
const VARIABLE = 'BRIDGE_TEST_CODEX_BIN'

/**
 * What tells a bridge or a binary resolver which codex the tests are about: CODEX_BIN, or nothing. A developer's own CODEX_BIN
 * never counts, so the same tests say the same on every machine unless somebody asks for another version.
 */
export const codexUnderTest = (): { CODEX_BIN?: string } => {
  const path = process.env[VARIABLE]
  return path ? { CODEX_BIN: path } : {}
}
