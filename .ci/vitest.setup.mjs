/** Random input: one seed for the run, printed with every failure. */
import fc from 'fast-check'
import { beforeEach } from 'vitest'

fc.configureGlobal({ seed: Number(process.env.TEST_SEED) })

beforeEach(({ onTestFailed }) => {
  onTestFailed(() => process.stderr.write(`repeat with TEST_SEED=${process.env.TEST_SEED}\n`))
})
