import {
  type ApprovalMethod,
  type ApprovalMethods,
  type ApprovalResult,
  DECLINED,
  isApprovalMethod,
  isObject,
  type JsonObject,
  type ThreadItem,
} from '@codex-bridge/codex-client'
import type { ApprovalKind, Decision } from '@codex-bridge/contracts'

const KINDS: Record<ApprovalMethod, ApprovalKind> = {
  'item/commandExecution/requestApproval': 'command',
  'item/fileChange/requestApproval': 'file_change',
  'item/permissions/requestApproval': 'permissions',
  'item/tool/requestUserInput': 'user_input',
  'mcpServer/elicitation/request': 'mcp_elicitation',
}

/** A request of Codex in the bridge's terms: everything a person needs to decide. */
export type TranslatedRequest = {
  kind: ApprovalKind
  threadId: string
  turnId: string | null
  itemId: string | null
  reason: string
  request: Record<string, unknown>
  availableDecisions: string[]
}

/** Other versions than the pinned one may leave any field out. */
type ApprovalRequest = { [M in ApprovalMethod]: { method: M; params: Partial<ApprovalMethods[M]['params']> } }[ApprovalMethod]

type FileChange = Extract<ThreadItem, { type: 'fileChange' }>

const text = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null)

/**
 * Translates a server request.
 * @param itemOf the item a file change belongs to: Codex sends the changes with the item, not with the request
 * @returns undefined for a method that is no approval; the caller answers -32601 at once and never guesses
 */
export const translateRequest = (
  method: string,
  params: JsonObject,
  itemOf: (itemId: string) => ThreadItem | undefined,
): TranslatedRequest | undefined => {
  if (!isApprovalMethod(method)) return
  const kind = KINDS[method]
  const itemId = text(params['itemId'])
  const item = itemId === null ? undefined : itemOf(itemId)
  const change = kind === 'file_change' && item?.type === 'fileChange' ? item : undefined
  return {
    kind,
    threadId: text(params['threadId']) ?? '',
    turnId: text(params['turnId']),
    itemId,
    // Every field is read defensively below, so the cast claims nothing that matters.
    reason: reasonOf({ method, params } as ApprovalRequest, change),
    request: { method, ...params, ...(change && { changes: change.changes }) },
    availableDecisions:
      kind === 'command' || kind === 'file_change' ? ['approve', 'approve:session', 'deny', 'cancel'] : ['approve', 'deny'],
  }
}

/** Codex's own reason where it gives one, else what the request says. */
const reasonOf = ({ method, params }: ApprovalRequest, change: FileChange | undefined): string => {
  switch (method) {
    case 'item/commandExecution/requestApproval':
      return text(params.reason) ?? `Run ${text(params.command) ?? 'a command'}`
    case 'item/fileChange/requestApproval':
      return text(params.reason) ?? `Change ${textsOf(change?.changes, 'path').join(', ') || 'files'}`
    case 'item/permissions/requestApproval':
      return text(params.reason) ?? 'Codex asks for more permissions'
    case 'item/tool/requestUserInput':
      return textsOf(params.questions, 'question').join(' · ') || 'Codex asks a question'
    default:
      return ('message' in params ? text(params.message) : null) ?? 'An MCP server asks'
  }
}

/** One field of each of several objects. */
const textsOf = (values: unknown, field: string): string[] =>
  Array.isArray(values) ? values.map((value: unknown) => String(isObject(value) ? value[field] : value)) : []

/**
 * The answer that carries a decision to Codex, in the shape of the request's kind. Anything but a clear approval is a refusal.
 * @param request what Codex asked, as stored with the approval
 */
export const translateDecision = (kind: ApprovalKind, decision: Decision, request: JsonObject): ApprovalResult => {
  const approved = decision.decision === 'approve'
  switch (kind) {
    case 'command':
    case 'file_change':
      return { decision: approved ? (decision.scope === 'session' ? 'acceptForSession' : 'accept') : refusal(decision) }
    case 'permissions':
      return { permissions: approved ? granted(request['permissions']) : {}, scope: decision.scope === 'session' ? 'session' : 'turn' }
    case 'user_input': {
      const answers = approved ? (decision.answers ?? {}) : {}
      return { answers: Object.fromEntries(Object.entries(answers).map(([id, given]) => [id, { answers: given }])) }
    }
    case 'mcp_elicitation':
      return { action: approved ? 'accept' : refusal(decision), content: approved ? contentOf(decision) : null, _meta: null }
    default:
      return DECLINED['item/commandExecution/requestApproval']
  }
}

const refusal = (decision: Decision): 'cancel' | 'decline' => (decision.decision === 'cancel' ? 'cancel' : 'decline')

type Elicitation = ApprovalMethods['mcpServer/elicitation/request']['result']
type Permissions = ApprovalMethods['item/permissions/requestApproval']['result']['permissions']

/** The form as filled in. It came as JSON over the bus, so it is JSON. */
const contentOf = ({ content }: Decision): Elicitation['content'] => (content ?? {}) as Elicitation['content']

/** The parts of a permission request that ask for something, unchanged: Codex wants exactly those echoed. */
const granted = (asked: unknown): Permissions =>
  Object.fromEntries(Object.entries(isObject(asked) ? asked : {}).filter(([, value]) => value !== null && value !== undefined))
