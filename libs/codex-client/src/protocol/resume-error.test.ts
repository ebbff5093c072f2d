import { describe, expect, it } from 'vitest'
import { RpcError, RpcTimeoutError } from '../rpc/rpc-errors.ts'
import { classifyResumeError, isUnknownMethod } from './resume-error.ts'

const refused = (message: string, code = -32600, method = 'thread/resume') => new RpcError(method, { code, message })

describe('classifyResumeError', () => {
  it.each([
    ['no rollout found for thread id 01a2', 'no_rollout'],
    ['thread 01a2 already has an active writer', 'active_writer'],
    ['session 01a2 is archived. Run `codex unarchive 01a2` to unarchive it first.', 'archived'],
    ['invalid session id: invalid character', 'other'],
    ['thread not loaded: 01a2', 'other'],
    ['no archived rollout found for thread id 01a2', 'other'],
  ])('%s → %s', (message, kind) => {
    expect(classifyResumeError(refused(message))).toBe(kind)
  })

  it("takes only the server's own word", () => {
    expect(classifyResumeError(new Error('no rollout found for thread id x'))).toBe('other')
    expect(classifyResumeError(new RpcTimeoutError('thread/resume', 1, true))).toBe('other')
    expect(classifyResumeError(undefined)).toBe('other')
  })
})

describe('isUnknownMethod', () => {
  const variant = (name: string) => `Invalid request: unknown variant \`${name}\`, expected one of \`initialize\`, \`thread/start\``

  it("knows codex's sentence for the method itself", () => {
    expect(isUnknownMethod(refused(variant('thread/revert'), -32600, 'thread/revert'))).toBe(true)
  })

  it('is not fooled by a bad enum value in the params', () => {
    expect(isUnknownMethod(refused(variant('on-failure'), -32600, 'thread/start'))).toBe(false)
  })

  it('is not fooled by -32601 for something not supported yet', () => {
    expect(isUnknownMethod(refused('list_turns is not supported yet', -32601, 'thread/turns/list'))).toBe(false)
    expect(isUnknownMethod(refused('Method not found', -32601, 'x'))).toBe(true)
  })

  it('is false for other errors', () => {
    expect(isUnknownMethod(new Error(variant('x')))).toBe(false)
  })
})
