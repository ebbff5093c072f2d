import { BridgeError } from '@codex-bridge/contracts'
import { describe, expect, it } from 'vitest'
import { RpcError, RpcTimeoutError } from '../rpc/rpc-errors.ts'
import { CODEX_ERRORS, codexErrorKind, isUnknownMethod, isUnready } from './codex-errors.ts'

const refused = (message: string, code = -32600, method = 'thread/resume') => new RpcError(method, { code, message })

const MESSAGES = [
  ['no rollout found for thread id 01a2', 'no_rollout'],
  ['no archived rollout found for thread id 01a2', 'no_archived_rollout'],
  ['thread 01a2 already has an active writer', 'active_writer'],
  ['session 01a2 is archived. Run `codex unarchive 01a2` to unarchive it first.', 'archived'],
  ['thread not found: 01a2', 'thread_not_found'],
  ['thread not loaded: 01a2', 'thread_not_loaded'],
  ['invalid session id: invalid character', 'invalid_thread_id'],
  ['invalid thread id: invalid character', 'invalid_thread_id'],
  ['no active turn to steer', 'no_active_turn'],
  ['expected active turn id `a` but found `b`', 'turn_mismatch'],
  ['list_turns is not supported yet', 'no_turns_stored'],
  ['thread/revert requires a paginated thread', 'legacy_thread'],
  ['something else', 'other'],
] as const

describe('codexErrorKind', () => {
  it.each(MESSAGES)('%s → %s', (message, kind) => {
    expect(codexErrorKind(refused(message))).toBe(kind)
    expect(codexErrorKind(new BridgeError('codex_error', message))).toBe(kind)
  })

  it('has an example of every kind', () => {
    expect(new Set(MESSAGES.map(([, kind]) => kind))).toEqual(new Set([...Object.keys(CODEX_ERRORS), 'other']))
  })

  it('judges only what Codex itself answered', () => {
    expect(codexErrorKind(new Error('no rollout found for thread id x'))).toBe('other')
    expect(codexErrorKind(new BridgeError('lane_not_found', 'no rollout found for thread id x'))).toBe('other')
    expect(codexErrorKind(new RpcTimeoutError('thread/resume', 1, true))).toBe('other')
    expect(codexErrorKind(undefined)).toBe('other')
  })

  it('names the three reasons that keep a thread from being used', () => {
    expect(MESSAGES.map(([, kind]) => kind).filter(isUnready)).toEqual(['no_rollout', 'active_writer', 'archived'])
  })
})

describe('isUnknownMethod', () => {
  const variant = (name: string) => `Invalid request: unknown variant \`${name}\`, expected one of \`initialize\`, \`thread/start\``

  it('recognises the refusal of the method itself', () => {
    expect(isUnknownMethod(refused(variant('thread/revert')), 'thread/revert')).toBe(true)
    expect(isUnknownMethod(new BridgeError('codex_error', variant('thread/revert')), 'thread/revert')).toBe(true)
  })

  it('does not mistake a bad enum value in the parameters for it', () => {
    expect(isUnknownMethod(refused(variant('on-failure')), 'thread/start')).toBe(false)
  })

  it('does not mistake -32601 for something not supported yet for it', () => {
    expect(isUnknownMethod(refused('list_turns is not supported yet', -32601), 'thread/turns/list')).toBe(false)
    expect(isUnknownMethod(refused('Method not found', -32601), 'x')).toBe(true)
  })

  it('is false for other errors', () => {
    expect(isUnknownMethod(new Error(variant('x')), 'x')).toBe(false)
  })
})
