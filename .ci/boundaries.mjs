/**
 * Checks the package boundaries. The checker reports "no violations" also when it could read nothing (a compiler it does not
 * know, a wrong folder), so the number of modules it saw is part of the check.
 */
import { createRequire } from 'node:module'
import { cruise } from 'dependency-cruiser'

const MODULES_AT_LEAST = 150

const { forbidden, options } = createRequire(import.meta.url)('../.dependency-cruiser.cjs')
const { output } = await cruise(['libs', 'services', 'deploy'], { ...options, ruleSet: { forbidden }, validate: true })
const { violations, totalCruised } = output.summary
for (const { from, to, rule } of violations) process.stdout.write(`${rule.name}: ${from} → ${to}\n`)
process.stdout.write(`boundaries: ${totalCruised} modules, ${violations.length} violations\n`)
if (totalCruised < MODULES_AT_LEAST) process.stdout.write(`fewer than ${MODULES_AT_LEAST} modules were seen: nothing was checked\n`)
process.exitCode = violations.length > 0 || totalCruised < MODULES_AT_LEAST ? 1 : 0
