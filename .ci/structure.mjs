/** Checks that files and folders stay small enough to be read: 300 lines in a file, 13 source files side by side. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'

const MOST_LINES = 300
const MOST_FILES = 13

const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', 'libs', 'services', 'deploy', '.ci'])
const sources = `${listed}`.split('\n').filter((file) => /\.(ts|mjs)$/.test(file) && !file.includes('/generated/') && existsSync(file))

const linesOf = (file) => readFileSync(file, 'utf8').split('\n').length - 1
const tooLong = sources
  .map((file) => ({ file, lines: linesOf(file) }))
  .filter(({ lines }) => lines > MOST_LINES)
  .map(({ file, lines }) => `${file}: ${lines} lines, at most ${MOST_LINES}. Split it by concern.`)

const folders = [...new Set(sources.map((file) => dirname(file)))]
const countIn = (folder) => sources.filter((file) => dirname(file) === folder && !file.endsWith('.test.ts')).length
const tooFull = folders
  .map((folder) => ({ folder, count: countIn(folder) }))
  .filter(({ count }) => count > MOST_FILES)
  .map(({ folder, count }) => `${folder}: ${count} source files, at most ${MOST_FILES}. Group them in folders by concern.`)

const problems = [...tooLong, ...tooFull]
for (const problem of problems) process.stdout.write(`${problem}\n`)
process.stdout.write(`structure: ${sources.length} files in ${folders.length} folders, ${problems.length} problems\n`)
process.exitCode = problems.length > 0 || sources.length === 0 ? 1 : 0
