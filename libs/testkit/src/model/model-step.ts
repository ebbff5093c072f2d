/** Ways a model call can fail, see `failure-response.ts` for what each sends. */
export const FAILURES = ['500', '429', 'usage', '503', '401', '400', 'cut', 'early-end', 'failed', 'incomplete', 'context'] as const

export type Failure = (typeof FAILURES)[number]

/** A tool call of the model. `parallel`: in the same model response as the tool call before it. */
export type ToolStep = { parallel?: boolean } & (
  | { kind: 'run'; command: string; escalate?: boolean; justification?: string }
  | { kind: 'patch'; file: string; text: string }
  | { kind: 'ask-user'; question: string; options?: readonly string[] }
  | { kind: 'call'; tool: string; namespace?: string; arguments: Readonly<Record<string, unknown>> }
)

/** One thing the scripted model does. Times are milliseconds. */
export type ModelStep =
  | ToolStep
  | { kind: 'say'; text: string }
  | { kind: 'sleep'; ms: number }
  | { kind: 'hang' }
  | { kind: 'fail'; failure: Failure }

/** The steps answered in one response of the model: at most one group of tool calls, and that at the end. */
export type ModelCall = readonly ModelStep[]

export const isToolStep = (step: ModelStep): step is ToolStep =>
  step.kind === 'run' || step.kind === 'patch' || step.kind === 'ask-user' || step.kind === 'call'

/**
 * Cuts a script into model calls. A response ends with its tool calls, since codex must run them before the model can go on;
 * after `hang` and `fail` nothing of a response can follow either.
 */
export const splitIntoCalls = (steps: readonly ModelStep[]): ModelCall[] => {
  const calls: ModelStep[][] = []
  let current: ModelStep[] = []
  let ended = false
  for (const step of steps) {
    if (ended && !(isToolStep(step) && step.parallel && current.some(isToolStep))) {
      calls.push(current)
      current = []
    }
    current.push(step)
    ended = isToolStep(step) || step.kind === 'hang' || step.kind === 'fail'
  }
  if (current.length > 0) calls.push(current)
  return calls
}
