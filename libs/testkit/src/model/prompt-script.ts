import { FAILURES, type Failure, isToolStep, type ModelStep } from './model-step.ts'

/** Scripts are for tests and demos; a prompt with more directives is a mistake or an attack. */
const MAX_STEPS = 200
const MAX_SLEEP_MS = 600_000
const AGENT_WAIT_MS = 600_000
const DIRECTIVE = /^[ \t]*#(\+?)([a-z]+(?:-[a-z]+)*)(?:[ \t]+(.*))?$/

/**
 * Reads the script in a prompt: lines that start with a known directive. Other lines, also unknown `#words` such as headings, are
 * ordinary text and ignored. No directive at all: an empty list.
 *
 * | directive | the model |
 * |---|---|
 * | `#say <text>` | streams the text; `{result}` in it becomes the last tool's output, `\n` a line break |
 * | `#run <shell cmd>` | runs a command in the sandbox |
 * | `#ask-run <shell cmd>` | runs a command with escalated rights: codex asks for approval |
 * | `#patch <relative-file> <text>` | writes a file with apply_patch; `\n` in the text separates lines |
 * | `#ask-user <question> [\| option]…` | asks the user; without options: Yes and No |
 * | `#call [namespace:]<tool> [json object]` | calls any tool: MCP (`mcp__server:tool`), dynamic, `request_permissions`, … |
 * | `#spawn <prompt>` | starts a sub-agent with a script of its own; `\n` in the prompt separates its lines |
 * | `#wait-agents` | waits for every sub-agent of the conversation |
 * | `#sleep <ms>` | waits, at most ten minutes |
 * | `#hang` | sends nothing more and never ends |
 * | `#fail <how>` | fails in one of the ways of {@link FAILURES} |
 *
 * `#+run`, `#+ask-run`, …: in the same model response as the tool call of the line before (two approvals at once).
 */
export const parsePromptScript = (prompt: string): ModelStep[] => {
  const steps: ModelStep[] = []
  for (const line of prompt.split(/\r?\n/)) {
    const [, plus, name, rest] = DIRECTIVE.exec(line) ?? []
    const step = name === undefined ? undefined : readDirective(name, (rest ?? '').trim())
    if (step) steps.push(plus && isToolStep(step) ? { ...step, parallel: true } : step)
    if (steps.length === MAX_STEPS) {
      break
    }
  }
  return steps
}

const readDirective = (name: string, argument: string): ModelStep | undefined => {
  switch (name) {
    case 'say':
      return { kind: 'say', text: unescapeLines(argument) }
    case 'run':
    case 'ask-run':
      return argument === '' ? undefined : { kind: 'run', command: argument, escalate: name === 'ask-run' }
    case 'patch':
      return readPatch(argument)
    case 'ask-user':
      return readQuestion(argument)
    case 'call':
      return readCall(argument)
    case 'spawn':
      return argument === '' ? undefined : collaboration('spawn_agent', { message: unescapeLines(argument) })
    case 'wait-agents':
      return collaboration('wait_agent', { timeout_ms: AGENT_WAIT_MS })
    case 'sleep':
      return { kind: 'sleep', ms: Math.min(MAX_SLEEP_MS, Math.max(0, Number.parseInt(argument, 10) || 0)) }
    case 'hang':
      return { kind: 'hang' }
    case 'fail':
      return isFailure(argument) ? { kind: 'fail', failure: argument } : undefined
    default:
      return
  }
}

const readPatch = (argument: string): ModelStep | undefined => {
  const [, file, text] = /^(\S+)[ \t]*(.*)$/.exec(argument) ?? []
  return file === undefined ? undefined : { kind: 'patch', file, text: unescapeLines(text ?? '') }
}

const readQuestion = (argument: string): ModelStep | undefined => {
  const [question, ...options] = argument.split('|').map((part) => part.trim())
  return question ? { kind: 'ask-user', question, options: options.filter((option) => option !== '') } : undefined
}

const readCall = (argument: string): ModelStep | undefined => {
  const [, target, json] = /^(\S+)[ \t]*(.*)$/.exec(argument) ?? []
  if (target === undefined) return
  const colon = target.indexOf(':')
  const namespace = colon > 0 ? { namespace: target.slice(0, colon) } : {}
  return { kind: 'call', tool: target.slice(colon + 1), ...namespace, arguments: readObject(json ?? '') }
}

/** Codex offers these tools to some models by name and to others on demand, under this namespace either way. */
const collaboration = (tool: string, args: Record<string, unknown>): ModelStep => ({
  kind: 'call',
  tool,
  namespace: 'multi_agent_v1',
  arguments: args,
})

const readObject = (json: string): Record<string, unknown> => {
  try {
    const value: unknown = JSON.parse(json)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

const isFailure = (word: string): word is Failure => (FAILURES as readonly string[]).includes(word)

const unescapeLines = (text: string): string => text.replaceAll('\\n', '\n')
