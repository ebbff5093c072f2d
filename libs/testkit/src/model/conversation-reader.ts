import type { IncomingHttpHeaders } from 'node:http'

/** Output of a tool call, as sent back by codex. */
type ToolOutput = {
  callId: string
  text: string
}

/** The part of a request to `/responses` that the scripted model uses. */
export type Conversation = {
  threadId: string | undefined
  turnId: string | undefined
  model: string
  /** Texts of all messages the user wrote, oldest first, without those codex adds itself. */
  userTexts: readonly string[]
  toolOutputs: readonly ToolOutput[]
  /** Names of the tools offered; undefined when the request lists none (some models get them in another way). */
  tools: ReadonlySet<string> | undefined
  /** codex asks for a summary of the conversation, not for the next step of it. */
  isCompaction: boolean
}

const COMPACTION_PROMPT = 'You are performing a CONTEXT CHECKPOINT COMPACTION'

/** User messages codex writes itself: environment, instructions, notes about aborted turns, and the summary after a compaction. */
const INJECTED =
  /^\s*(?:<(?:environment_context|turn_aborted|user_instructions|permissions instructions|collaboration_mode|apps_instructions|skills_instructions|plugins_instructions|skill|INSTRUCTIONS|subagent_notification|recommended_plugins|user_shell_command)\b|# AGENTS\.md instructions|Another language model started to solve this problem)/

/** Reads a request leniently: whatever is missing or of another shape counts as absent. */
export const readConversation = (headers: IncomingHttpHeaders, body: unknown): Conversation => {
  const request = asRecord(body)
  const input = asArray(request['input']).map(asRecord)
  const metadata = readMetadata(headers, request)
  const messages = input.filter((item) => item['type'] === 'message' && item['role'] === 'user').map((item) => textOf(item['content']))
  return {
    threadId: header(headers, 'thread-id') ?? asString(metadata['thread_id']) ?? header(headers, 'session-id'),
    turnId: asString(metadata['turn_id']),
    model: asString(request['model']) ?? '',
    userTexts: messages.filter((text) => text !== '' && !INJECTED.test(text) && !text.startsWith(COMPACTION_PROMPT)),
    toolOutputs: input.flatMap((item) => {
      const callId = asString(item['call_id'])
      return callId !== undefined && asString(item['type'])?.endsWith('_output') ? [{ callId, text: textOf(item['output']) }] : []
    }),
    tools: toolNames(request['tools']),
    isCompaction: metadata['request_kind'] === 'compaction' || (messages.at(-1)?.startsWith(COMPACTION_PROMPT) ?? false),
  }
}

const readMetadata = (headers: IncomingHttpHeaders, request: Record<string, unknown>): Record<string, unknown> => {
  const text = header(headers, 'x-codex-turn-metadata') ?? asString(asRecord(request['client_metadata'])['x-codex-turn-metadata'])
  try {
    return asRecord(JSON.parse(text ?? '{}'))
  } catch {
    return {}
  }
}

const toolNames = (tools: unknown): Set<string> | undefined => {
  const names = asArray(tools)
    .map(asRecord)
    .flatMap((tool) => asString(tool['name']) ?? asString(tool['type']) ?? [])
  return names.length > 0 ? new Set(names) : undefined
}

/** Text of a message's or an output's content: a string, or parts with a `text`. */
const textOf = (content: unknown): string => {
  if (typeof content === 'string') return content
  return asArray(content)
    .map((part) => asString(asRecord(part)['text']) ?? '')
    .filter((text) => text !== '')
    .join('\n')
}

const header = (headers: IncomingHttpHeaders, name: string): string | undefined => {
  const value = headers[name]
  return Array.isArray(value) ? value[0] : value
}

const asRecord = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : {}

const asArray = (value: unknown): unknown[] => (Array.isArray(value) ? value : [])

const asString = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)
