/** Longest text shown on the console for one line; the whole is in the log file. */
const SHOWN_CHARACTERS = 300
const SHOWN_LEVELS = ['warn', 'error', 'fatal']
/** nats-server marks its levels in brackets; redis-server marks warnings with ` # `, too many of them harmless to show. */
const NATS_PROBLEM = /\[(ERR|FTL)\]\s+(.*)$/

type Entry = { level?: unknown; msg?: unknown; kind?: unknown; message?: unknown; err?: { message?: unknown }; code?: unknown }

/** Most entries are of no interest here; reading them all would cost as much as the requests they tell of. */
const INTERESTING = /"msg":"ready"|"level":"(?:warn|error|fatal)"/

const entryOf = (line: string): Entry | undefined => {
  if (!line.startsWith('{') || !INTERESTING.test(line)) return
  try {
    return JSON.parse(line) as Entry
  } catch {
    return
  }
}

const cut = (text: string): string => (text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text)

/** True for the line by which a service says that it works. */
export const isReadyLine = (line: string): boolean => entryOf(line)?.msg === 'ready'

/** A child's log line as a person should see it; undefined for what need not be seen. Text that is no log entry is an unexpected cry. */
export const readableProblem = (line: string): string | undefined => {
  const entry = entryOf(line)
  if (entry) {
    if (!SHOWN_LEVELS.includes(String(entry.level))) return
    const parts = [entry.msg, entry.kind, entry.message, entry.code, entry.err?.message].filter(
      (part) => typeof part === 'string' && part !== '',
    )
    return cut(`${entry.level}: ${[...new Set(parts)].join(': ')}`)
  }
  const problem = NATS_PROBLEM.exec(line)
  return problem ? cut(`error: ${problem[2]}`) : undefined
}

/** The last lines that explain why a child ended, for a message about it. */
export const explanation = (text: string, lines = 6): string[] => {
  const all = text.split('\n').filter((line) => line.trim() !== '')
  const problems = all.map(readableProblem).filter((line) => line !== undefined)
  return (problems.length > 0 ? [...new Set(problems)] : all.map(cut)).slice(-lines)
}
