import type { ThreadItem } from '@codex-bridge/codex-client'
import type { ApprovalKind, Decision } from '@codex-bridge/contracts'
import { APPROVAL_KINDS } from '@codex-bridge/contracts'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { translateDecision, translateRequest } from './approval-translator.ts'

const context = { threadId: 'thread-1', turnId: 'turn-1', itemId: 'item-1' }
const none = () => undefined

describe('translateRequest', () => {
  it.each<[string, Record<string, unknown>, ApprovalKind, string]>([
    ['item/commandExecution/requestApproval', { command: 'rm -r x', cwd: '/w' }, 'command', 'Run rm -r x'],
    ['item/commandExecution/requestApproval', { command: 'ls', reason: 'to look' }, 'command', 'to look'],
    ['item/commandExecution/requestApproval', {}, 'command', 'Run a command'],
    ['item/fileChange/requestApproval', {}, 'file_change', 'Change files'],
    ['item/permissions/requestApproval', { permissions: {} }, 'permissions', 'Codex asks for more permissions'],
    [
      'item/tool/requestUserInput',
      {
        questions: [
          { id: 'a', question: 'Red?' },
          { id: 'b', question: 'Or blue?' },
        ],
      },
      'user_input',
      'Red? · Or blue?',
    ],
    ['item/tool/requestUserInput', { questions: [] }, 'user_input', 'Codex asks a question'],
    ['item/tool/requestUserInput', {}, 'user_input', 'Codex asks a question'],
    ['mcpServer/elicitation/request', { message: 'Log in?', requestedSchema: {} }, 'mcp_elicitation', 'Log in?'],
    ['mcpServer/elicitation/request', {}, 'mcp_elicitation', 'An MCP server asks'],
  ])('%s %j', (method, params, kind, reason) => {
    const translated = translateRequest(method, { ...context, ...params }, none)
    expect(translated).toMatchObject({ kind, reason, ...context })
    expect(translated?.request).toMatchObject({ method, ...params })
    expect(translated?.availableDecisions).toContain('approve')
    expect(translated?.availableDecisions).toContain('deny')
  })

  it('adds the changes of its item to a file change', () => {
    const changes = [
      { path: 'a.txt', diff: '+x' },
      { path: 'b.txt', diff: '-y' },
    ]
    const change = { id: 'item-1', type: 'fileChange', changes } as ThreadItem
    const translated = translateRequest('item/fileChange/requestApproval', context, (id) => (id === 'item-1' ? change : undefined))
    expect(translated?.request['changes']).toEqual(changes)
    expect(translated?.reason).toBe('Change a.txt, b.txt')
  })

  it('makes fields that are missing or of another type null', () => {
    const translated = translateRequest('item/commandExecution/requestApproval', { threadId: 7, turnId: null, itemId: '' }, none)
    expect(translated).toMatchObject({ threadId: '', turnId: null, itemId: null })
  })

  it.each([
    'item/tool/call',
    'account/chatgptAuthTokens/refresh',
    'item/commandExecution/requestApprovals',
    '',
    'constructor',
    'toString',
    '__proto__',
  ])('%j is no approval', (method) => {
    expect(translateRequest(method, context, none)).toBeUndefined()
  })
})

/** What Codex does with an answer: whether anything is allowed by it. */
const allows = (kind: ApprovalKind, answer: Record<string, unknown>): boolean => {
  switch (kind) {
    case 'command':
    case 'file_change':
      return String(answer['decision']).startsWith('accept')
    case 'permissions':
      return Object.keys(answer['permissions'] as object).length > 0
    case 'user_input':
      return Object.keys(answer['answers'] as object).length > 0
    case 'mcp_elicitation':
      return answer['action'] === 'accept'
    default:
      return answer['decision'] !== 'decline'
  }
}
const REQUEST = { permissions: { network: { enabled: true }, fileSystem: null, macos: undefined } }
const full = (decision: Decision['decision'], scope?: 'once' | 'session'): Decision => ({
  decision,
  ...(scope && { scope }),
  answers: { q1: ['red', 'blue'] },
  content: { user: 'u' },
})

describe('translateDecision', () => {
  it.each<[ApprovalKind, Decision, Record<string, unknown>]>([
    ['command', full('approve'), { decision: 'accept' }],
    ['command', full('approve', 'once'), { decision: 'accept' }],
    ['command', full('approve', 'session'), { decision: 'acceptForSession' }],
    ['command', full('deny'), { decision: 'decline' }],
    ['command', full('deny', 'session'), { decision: 'decline' }],
    ['command', full('cancel'), { decision: 'cancel' }],
    ['file_change', full('approve'), { decision: 'accept' }],
    ['file_change', full('approve', 'session'), { decision: 'acceptForSession' }],
    ['file_change', full('deny'), { decision: 'decline' }],
    ['file_change', full('cancel'), { decision: 'cancel' }],
    ['permissions', full('approve'), { permissions: { network: { enabled: true } }, scope: 'turn' }],
    ['permissions', full('approve', 'session'), { permissions: { network: { enabled: true } }, scope: 'session' }],
    ['permissions', full('deny'), { permissions: {}, scope: 'turn' }],
    ['permissions', full('cancel'), { permissions: {}, scope: 'turn' }],
    ['user_input', full('approve'), { answers: { q1: { answers: ['red', 'blue'] } } }],
    ['user_input', full('deny'), { answers: {} }],
    ['user_input', full('cancel'), { answers: {} }],
    ['mcp_elicitation', full('approve'), { action: 'accept', content: { user: 'u' }, _meta: null }],
    ['mcp_elicitation', { decision: 'approve' }, { action: 'accept', content: {}, _meta: null }],
    ['mcp_elicitation', full('deny'), { action: 'decline', content: null, _meta: null }],
    ['mcp_elicitation', full('cancel'), { action: 'cancel', content: null, _meta: null }],
  ])('%s %j', (kind, decision, answer) => {
    expect(translateDecision(kind, decision, REQUEST)).toEqual(answer)
  })

  it('allows something for an approval of every kind', () => {
    for (const kind of APPROVAL_KINDS.filter((name) => name !== 'manual'))
      expect(allows(kind, translateDecision(kind, full('approve'), REQUEST)), kind).toBe(true)
  })

  it('allows nothing without a clear approval', () => {
    const words = fc.oneof(
      fc.constantFrom('deny', 'cancel', 'Approve', 'approved', 'accept', 'yes', '', 'approve ', null, true, 1),
      fc.string(),
    )
    fc.assert(
      fc.property(fc.constantFrom(...APPROVAL_KINDS), words, (kind, word) => {
        fc.pre(word !== 'approve')
        const decision = { ...full('deny', 'session'), decision: word } as unknown as Decision
        expect(allows(kind, translateDecision(kind, decision, REQUEST))).toBe(false)
      }),
    )
  })

  it('never accepts an unknown kind, even if it is approved', () => {
    for (const kind of ['manual', 'teleport', ''] as ApprovalKind[])
      expect(translateDecision(kind, full('approve'), REQUEST)).toEqual({ decision: 'decline' })
  })

  it('does not grant permissions that were cut from the stored request or never asked for', () => {
    for (const request of [{}, { permissions: null }, { truncated: true }]) {
      expect(translateDecision('permissions', full('approve'), request)).toMatchObject({ permissions: {} })
    }
  })
})
