import { type ApprovalMethod, isApprovalMethod } from '@codex-bridge/codex-client'
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

const text = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null)

/**
 * Translates a server request.
 * @param itemOf the item a file change belongs to: Codex sends the changes with the item, not with the request
 * @returns undefined for a method that is no approval; the caller answers -32601 at once, never a guess
 */
export const translateRequest = (
  method: string,
  params: Record<string, unknown>,
  itemOf: (itemId: string) => Record<string, unknown> | undefined,
): TranslatedRequest | undefined => {
  if (!isApprovalMethod(method)) return
  const kind = KINDS[method]
  const itemId = text(params['itemId'])
  const item = kind === 'file_change' && itemId ? itemOf(itemId) : undefined
  return {
    kind,
    threadId: text(params['threadId']) ?? '',
    turnId: text(params['turnId']),
    itemId,
    reason: reasonOf(kind, params, item),
    request: { method, ...params, ...(item && { changes: item['changes'] }) },
    availableDecisions:
      kind === 'command' || kind === 'file_change' ? ['approve', 'approve:session', 'deny', 'cancel'] : ['approve', 'deny'],
  }
}

const reasonOf = (kind: ApprovalKind, params: Record<string, unknown>, item: Record<string, unknown> | undefined): string => {
  const given = text(params['reason']) ?? text(params['message'])
  switch (kind) {
    case 'command':
      return given ?? `Run ${text(params['command']) ?? 'a command'}`
    case 'file_change':
      return given ?? `Change ${paths(item).join(', ') || 'files'}`
    case 'permissions':
      return given ?? 'More permissions are asked for'
    case 'user_input':
      return given ?? (questions(params).join(' · ') || 'Codex asks a question')
    default:
      return given ?? 'An MCP server asks'
  }
}

const paths = (item: Record<string, unknown> | undefined): string[] =>
  Array.isArray(item?.['changes']) ? (item['changes'] as { path?: unknown }[]).map(({ path }) => String(path)) : []

const questions = (params: Record<string, unknown>): string[] =>
  Array.isArray(params['questions']) ? (params['questions'] as { question?: unknown }[]).map(({ question }) => String(question)) : []

/**
 * The reply that carries a decision to Codex, in the shape of the request's kind. Anything but a clear approval is a refusal.
 * @param request what Codex asked, as stored with the approval
 */
export const translateDecision = (kind: ApprovalKind, decision: Decision, request: Record<string, unknown>): Record<string, unknown> => {
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
      return { action: approved ? 'accept' : refusal(decision), content: approved ? (decision.content ?? {}) : null, _meta: null }
    default:
      return { decision: 'decline' }
  }
}

const refusal = (decision: Decision): 'cancel' | 'decline' => (decision.decision === 'cancel' ? 'cancel' : 'decline')

/** The parts of a permission request that ask for something; Codex wants exactly those echoed. */
const granted = (asked: unknown): Record<string, unknown> =>
  Object.fromEntries(Object.entries((asked ?? {}) as Record<string, unknown>).filter(([, value]) => value !== null && value !== undefined))
