import { describe, expect, it } from 'vitest'
import { CLIENT_REQUEST_METHODS } from '../generated/methods.ts'
import { CODEX_METHODS, isCodexResult } from './methods.ts'

it('calls only methods of the pinned version', () => {
  expect(CODEX_METHODS.filter((method) => !(CLIENT_REQUEST_METHODS as readonly string[]).includes(method))).toEqual([])
})

describe('isCodexResult', () => {
  const loaded = { thread: { id: 't' }, cwd: '/w', approvalPolicy: 'never', sandbox: { type: 'readOnly' } }

  it.each([
    ['thread/start', loaded],
    ['thread/resume', { ...loaded, addedLater: 1, thread: { id: 't', addedLater: [] } }],
    ['thread/read', { thread: { id: 't' } }],
    ['turn/start', { turn: { id: 'u' } }],
    ['turn/steer', { turnId: 'u' }],
    ['command/exec', { exitCode: 0, stdout: '', stderr: '' }],
    ['initialize', { userAgent: 'codex/1.0.0 (x)' }],
    ['turn/interrupt', {}],
    ['account/read', { account: null }],
  ] as const)('accepts %s with further or fewer optional fields', (method, result) => {
    expect(isCodexResult(method, result)).toBe(true)
  })

  it.each([
    ['thread/start', { thread: { id: 't' }, cwd: '/w' }],
    ['thread/resume', { ...loaded, cwd: null }],
    ['thread/read', { thread: null }],
    ['turn/start', { turn: { id: 7 } }],
    ['turn/start', undefined],
    ['turn/steer', {}],
    ['command/exec', { exitCode: '0', stdout: '', stderr: '' }],
    ['initialize', []],
    ['turn/interrupt', null],
  ] as const)('refuses %s without a field the bridge reads', (method, result) => {
    expect(isCodexResult(method, result)).toBe(false)
  })
})
