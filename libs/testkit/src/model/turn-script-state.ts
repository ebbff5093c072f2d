import type { Conversation } from './conversation-reader.ts'
import { isToolStep, type ModelCall, type ModelStep, splitIntoCalls } from './model-step.ts'
import { parsePromptScript } from './prompt-script.ts'

const MAX_ECHO_CHARS = 4000
const MAX_RESULT_CHARS = 600

/** The answer to one request. */
export type PlannedCall = {
  steps: ModelCall
  /** Id for the n-th tool call of this answer. */
  callId: (n: number) => string
  /** Call when the answer was sent completely. */
  done: () => void
}

/**
 * Progress of one turn in its script.
 *
 * The script is fixed by the turn's first request: its last user message. Progress is read from the tool outputs codex sends back
 * (call ids carry turn and position), so a repeated request gets the same answer again; it never goes backwards, so a compaction in
 * the middle of the turn, which removes outputs, does not restart the script.
 *
 * Messages that appear later in the same turn are steers. With directives a steer replaces the rest of the script; without, it
 * is recorded, the script continues, and its last text ends in ` (steered: <text>)`. After the end of the script it gets a reply of its own.
 */
export class TurnScript {
  readonly #tag: string
  #calls: ModelCall[]
  #next = 0
  #seenUserTexts: number
  #notes: string[] = []

  /** @param tag unique per turn; part of every call id */
  constructor(tag: string, first: Conversation, steps: readonly ModelStep[] | undefined) {
    this.#tag = tag
    this.#seenUserTexts = first.userTexts.length
    const prompt = first.userTexts.at(-1) ?? ''
    const script = steps ?? parsePromptScript(prompt)
    this.#calls = toCalls(script.length > 0 ? script : [replyTo(prompt)])
  }

  /** Takes a request of this turn and plans its answer. */
  plan(conversation: Conversation): PlannedCall {
    this.#advance(conversation)
    this.#takeSteers(conversation)
    const position = this.#next
    const result = this.#resultBefore(position, conversation)
    const steps = this.#calls[position] ?? [{ kind: 'say', text: 'nothing left to do' }]
    const speaksLast = !steps.some(isToolStep) && position >= this.#calls.length - 1
    const notes = speaksLast ? this.#notes : []
    return {
      steps: withNotes(
        steps.map((step) => fillAgents(fillResult(step, result), conversation)),
        notes,
      ),
      callId: (n) => `call_${this.#tag}_${position}_${n}`,
      done: () => {
        if (!steps.some(isToolStep)) {
          this.#next = Math.min(this.#calls.length, Math.max(this.#next, position + 1))
          this.#notes = this.#notes.filter((note) => !notes.includes(note))
        }
      },
    }
  }

  #advance(conversation: Conversation): void {
    const prefix = `call_${this.#tag}_`
    for (const { callId } of conversation.toolOutputs) {
      if (callId.startsWith(prefix)) {
        const position = Number.parseInt(callId.slice(prefix.length), 10)
        this.#next = Math.min(this.#calls.length, Math.max(this.#next, position + 1))
      }
    }
  }

  /** Result of the tool calls of the answer before this one, else of the last tool call there is. */
  #resultBefore(position: number, { toolOutputs }: Conversation): string {
    const own = toolOutputs.filter(({ callId }) => callId.startsWith(`call_${this.#tag}_${position - 1}_`))
    return (own.length > 0 ? own : toolOutputs.slice(-1)).map(({ text }) => shortResult(text)).join('; ')
  }

  #takeSteers({ userTexts }: Conversation): void {
    const steers = userTexts.slice(this.#seenUserTexts)
    // A compaction may have shortened the conversation.
    this.#seenUserTexts = userTexts.length
    for (const steer of steers) {
      const script = parsePromptScript(steer)
      if (script.length > 0) {
        this.#calls = [...this.#calls.slice(0, this.#next), ...toCalls(script)]
      } else if (this.#next >= this.#calls.length) {
        this.#calls = [...this.#calls, [replyTo(steer)]]
      } else {
        this.#notes.push(steer)
      }
    }
  }
}

/** The model calls of a script; final tool calls are followed by a text that reports their result. */
const toCalls = (steps: readonly ModelStep[]): ModelCall[] => {
  const calls = splitIntoCalls(steps)
  return calls.at(-1)?.some(isToolStep) ? [...calls, [{ kind: 'say', text: 'result: {result}' }]] : calls
}

const replyTo = (prompt: string): ModelStep => ({ kind: 'say', text: `reply to ${prompt}`.slice(0, MAX_ECHO_CHARS) })

const fillResult = (step: ModelStep, result: string): ModelStep =>
  step.kind === 'say' ? { ...step, text: step.text.replaceAll('{result}', () => result) } : step

/** A wait without targets is for every sub-agent in the conversation: their ids are known only once they exist. */
const fillAgents = (step: ModelStep, { toolOutputs }: Conversation): ModelStep => {
  if (step.kind !== 'call' || step.tool !== 'wait_agent' || step.arguments['targets'] !== undefined) return step
  const targets = toolOutputs.flatMap(({ text }) => /"agent_id":"([^"]+)"/.exec(text)?.[1] ?? [])
  return { ...step, arguments: { ...step.arguments, targets } }
}

const withNotes = (steps: readonly ModelStep[], notes: readonly string[]): ModelStep[] => {
  const last = steps.findLastIndex((step) => step.kind === 'say')
  return steps.map((step, index) =>
    notes.length > 0 && index === last && step.kind === 'say' ? { ...step, text: `${step.text} (steered: ${notes.join('; ')})` } : step,
  )
}

/** The part of a tool output that matters: codex puts facts about the run before the line `Output:`. */
const shortResult = (output: string): string => {
  const marker = /(?:^|\n)Output:\n?/.exec(output)
  const body = marker ? output.slice(marker.index + marker[0].length).trim() : output.trim()
  const exit = /\bexited with code (\d+)/.exec(output)?.[1]
  const text = body.length > MAX_RESULT_CHARS ? `…${body.slice(-MAX_RESULT_CHARS)}` : body
  return exit && exit !== '0' ? `exit ${exit} ${text}`.trim() : text || (exit === '0' ? 'ok' : '')
}
