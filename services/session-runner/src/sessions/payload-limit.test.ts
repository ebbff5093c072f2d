import { MAX_MESSAGE_BYTES, MAX_PAYLOAD_BYTES, type SessionState } from '@codex-bridge/contracts'
import { describe, expect, it } from 'vitest'
import { commandRecord, liveSession, NOW, promptedSession, raisedRequest, turnEnd } from '../../test/session-builders.ts'
import * as decide from './session-decider.ts'

const sizeOf = (draft: decide.SessionDraft) =>
  Buffer.byteLength(JSON.stringify({ id: 'evt_01M828E0000000000000000001', ts: NOW, ...draft }))

const TEXTS: [string, (bytes: number) => string][] = [
  ['plain', (bytes) => 'x'.repeat(bytes)],
  ['quotes and backslashes', (bytes) => '"\\'.repeat(bytes / 4)],
  ['three-byte letters', (bytes) => '日'.repeat(bytes / 3)],
  ['emoji', (bytes) => '😀'.repeat(bytes / 4)],
  ['control characters', (bytes) => '\u0001'.repeat(bytes / 6)],
]

describe.each(TEXTS)('a payload over the limit (%s)', (_what, text) => {
  const huge = text(2 * 1024 * 1024)

  it('is cut to the size of a message and marked as cut', () => {
    const state = liveSession({ commands: Array.from({ length: 16 }, (_, index) => commandRecord(`c${index}`)) })
    const params = { threadId: 'thread-1', turnId: 'turn-1', item: { type: 'x', text: huge } }
    const draft = decide.forwarded(state, 'lane.item.completed.notification', 'item/completed', params)
    expect(Buffer.byteLength(JSON.stringify(draft.payload))).toBeLessThanOrEqual(MAX_PAYLOAD_BYTES)
    expect(sizeOf(draft)).toBeLessThan(MAX_MESSAGE_BYTES)
    expect(draft.payload).toMatchObject({ truncated: true, method: 'item/completed', fetch: '/codex/threads/thread-1' })
    expect(Number(draft.payload['originalBytes'])).toBeGreaterThan(1024 * 1024)
    expect(String(draft.payload['preview']).length).toBeGreaterThan(1000)
    expect([draft.turnId, draft.threadId]).toEqual(['turn-1', 'thread-1'])
  })

  it('of a completed turn still tells how it ended', () => {
    const turn = decide.turnStarted(promptedSession(), 'turn-1', NOW)?.state as SessionState
    const draft = decide.turnCompleted(turn, turnEnd({ finalMessage: huge, verify: true, durationMs: 5 }))
    expect(draft.payload).toMatchObject({
      truncated: true,
      turnId: 'turn-1',
      commandId: 'cmd-1',
      status: 'completed',
      cause: null,
      error: null,
      verification: 'pending',
      durationMs: 5,
    })
    expect(String(draft.payload['finalMessage']).length).toBeGreaterThan(100)
    expect(sizeOf(draft)).toBeLessThan(MAX_MESSAGE_BYTES)
  })

  it('of a failed turn keeps its status even if the error is long', () => {
    const draft = decide.turnCompleted(promptedSession(), turnEnd({ status: 'failed', error: { code: 'usage_limit', message: huge } }))
    expect(draft.payload).toMatchObject({ truncated: true, status: 'failed' })
    expect(sizeOf(draft)).toBeLessThan(MAX_MESSAGE_BYTES)
  })

  it('of a verification still tells whether it passed', () => {
    const results = Array.from({ length: 64 }, () => ({
      command: 'c',
      exitCode: 0,
      durationMs: 1,
      timedOut: false,
      outputTail: text(40_000),
    }))
    const verifying = liveSession({ verifying: { turnId: 'turn-1' } })
    const draft = decide.verificationCompleted(verifying, { status: 'passed', results, finalMessage: 'm' })
    expect(draft.payload).toMatchObject({ truncated: true, status: 'passed', turnId: 'turn-1', finalMessage: 'm' })
  })

  it('of a request still names the approval, its kind and its method if command, reason or both are long', () => {
    const request = { method: 'item/commandExecution/requestApproval', command: huge, cwd: '/w' }
    for (const reason of ['short', `Run ${huge}`]) {
      const draft = decide.requestRaised(liveSession(), raisedRequest('apr_1', { request, reason }))
      expect(draft.payload).toMatchObject({
        approvalId: 'apr_1',
        kind: 'command',
        requestId: 7,
        availableDecisions: ['approve', 'deny'],
        request: { truncated: true, method: request.method, cwd: '/w' },
      })
      expect(String(draft.payload['reason']).length).toBeLessThan(2000)
      // The approval's own events carry it again, more than once.
      expect(Buffer.byteLength(JSON.stringify(draft.payload))).toBeLessThanOrEqual(MAX_PAYLOAD_BYTES / 2 + 16 * 1024)
    }
  })
})

describe('a payload within the limit', () => {
  it('stays as it is', () => {
    const payload = { text: 'x'.repeat(MAX_PAYLOAD_BYTES - 200) }
    const draft = decide.forwarded(liveSession(), 'lane.x.notification', 'x', payload)
    expect(draft.payload).toEqual({ method: 'x', params: payload })
  })

  it('over it, of a prompt, keeps its command and its beginning', () => {
    const draft = decide.turnRequested(liveSession(), 'p'.repeat(1024 * 1024), commandRecord('cmd-1'), NOW)
    expect(draft.payload).toMatchObject({ truncated: true, commandId: 'cmd-1' })
    expect(String(draft.payload['input'])).toMatch(/^p{1000}/)
  })
})
