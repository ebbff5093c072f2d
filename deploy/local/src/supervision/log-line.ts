/** Maximum length of one line on the console; the log file has it in full. */
const SHOWN_CHARACTERS = 300
const SHOWN_LEVELS = ['warn', 'error', 'fatal']
/** nats-server marks levels in brackets. redis-server marks warnings with ` # `, but most of them are harmless. */
const NATS_PROBLEM = /\[(ERR|FTL)\]\s+(.*)$/

type Entry = { level?: unknown; msg?: unknown; kind?: unknown; message?: unknown; err?: { message?: unknown }; code?: unknown }

/** Only these entries are parsed; parsing all would cost as much as the requests they report. */
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

/** True for the line with which a service reports that it is ready. */
export const isReadyLine = (line: string): boolean => entryOf(line)?.msg === 'ready'

/** A problem in a child's log line, for the console; undefined for any other line. */
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

/** The last lines that explain why a child ended. */
export const explanation = (text: string, lines = 6): string[] => {
  const all = text.split('\n').filter((line) => line.trim() !== '')
  const problems = all.map(readableProblem).filter((line) => line !== undefined)
  return (problems.length > 0 ? [...new Set(problems)] : all.map(cut)).slice(-lines)
}
