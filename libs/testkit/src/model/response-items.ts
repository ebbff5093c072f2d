import type { ToolStep } from './model-step.ts'

/** An output item of the Responses API. */
export type ResponseItem = Record<string, unknown>

/** An assistant message; with empty text the shell that starts a stream of deltas. */
export const messageItem = (id: string, text: string): ResponseItem => ({
  type: 'message',
  role: 'assistant',
  id,
  content: text === '' ? [] : [{ type: 'output_text', text }],
})

/**
 * A tool call as a model would make it; undefined if none of the needed tools is offered. Codex answers an unknown tool with a note
 * to the model only, and a test would wait for an item that never comes.
 * @param tools what the request offers; undefined when it does not say
 */
export const toolItem = (step: ToolStep, callId: string, tools: ReadonlySet<string> | undefined): ResponseItem | undefined => {
  const offered = (name: string) => tools === undefined || tools.has(name)
  switch (step.kind) {
    case 'run':
      return offered('exec_command') ? execItem(callId, step) : undefined
    case 'patch':
      if (tools?.has('apply_patch')) {
        return { type: 'custom_tool_call', id: `ctc_${callId}`, call_id: callId, name: 'apply_patch', input: addFilePatch(step) }
      }
      return offered('exec_command') ? execItem(callId, { command: `apply_patch <<'EOP'\n${addFilePatch(step)}EOP` }) : undefined
    case 'ask-user':
      return offered('request_user_input') ? functionItem(callId, 'request_user_input', questionArguments(step)) : undefined
    default: {
      const { tool, namespace } = step
      // A namespace may be deferred: usable, but not listed in the request.
      return namespace === undefined && !offered(tool)
        ? undefined
        : { ...functionItem(callId, tool, step.arguments), ...(namespace === undefined ? {} : { namespace }) }
    }
  }
}

const functionItem = (callId: string, name: string, args: unknown): ResponseItem => ({
  type: 'function_call',
  id: `fc_${callId}`,
  call_id: callId,
  name,
  arguments: JSON.stringify(args),
})

const execItem = (callId: string, step: { command: string; escalate?: boolean; justification?: string }): ResponseItem => {
  const escalation = step.escalate
    ? { sandbox_permissions: 'require_escalated', justification: step.justification ?? 'the scripted prompt asks for it' }
    : {}
  return functionItem(callId, 'exec_command', { cmd: step.command, ...escalation })
}

/** Add File also replaces a file that exists. */
const addFilePatch = ({ file, text }: { file: string; text: string }): string => {
  const lines = text.split('\n').map((line) => `+${line}\n`)
  return `*** Begin Patch\n*** Add File: ${file}\n${lines.join('')}*** End Patch\n`
}

const questionArguments = ({ question, options = [] }: { question: string; options?: readonly string[] }): unknown => {
  const labels = options.length > 1 ? options : ['Yes', 'No']
  return {
    questions: [{ id: 'q1', header: 'Question', question, options: labels.map((label) => ({ label, description: `choose ${label}` })) }],
  }
}
