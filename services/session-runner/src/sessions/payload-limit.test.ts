import { MAX_MESSAGE_BYTES, MAX_PAYLOAD_BYTES, parseEvent, type SessionState } from '@codex-bridge/contracts'
import { eventSamples } from '@codex-bridge/testkit'
import { describe, expect, it } from 'vitest'
import { commandRecord, liveSession, NOW, promptedSession, raisedRequest, turnEnd } from '../../test/session-builders.ts'
import { bounded } from './payload-limit.ts'
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

const payloadOf = (draft: decide.SessionDraft): Record<string, unknown> => draft.payload

describe.each(TEXTS)('a payload over the limit (%s)', (_what, text) => {
  const huge = text(2 * 1024 * 1024)

  it('is cut to the size of a message and marked as cut', () => {
    const state = liveSession({ commands: Array.from({ length: 16 }, (_, index) => commandRecord(`c${index}`)) })
    const params = { threadId: 'thread-1', turnId: 'turn-1', item: { type: 'x', text: huge } }
    const draft = decide.forwarded(state, 'item/completed', params)
    expect(Buffer.byteLength(JSON.stringify(draft.payload))).toBeLessThanOrEqual(MAX_PAYLOAD_BYTES)
    expect(sizeOf(draft)).toBeLessThan(MAX_MESSAGE_BYTES)
    expect(draft.payload).toMatchObject({ truncated: true, method: 'item/completed', fetch: '/codex/threads/thread-1' })
    expect(Number(payloadOf(draft)['originalBytes'])).toBeGreaterThan(1024 * 1024)
    expect(String(payloadOf(draft)['preview']).length).toBeGreaterThan(1000)
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
    expect(String(payloadOf(draft)['finalMessage']).length).toBeGreaterThan(100)
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
      expect(String(payloadOf(draft)['reason']).length).toBeLessThan(2000)
      // The approval's own events carry it again, more than once.
      expect(Buffer.byteLength(JSON.stringify(draft.payload))).toBeLessThanOrEqual(MAX_PAYLOAD_BYTES / 2 + 16 * 1024)
    }
  })
})

describe('a payload within the limit', () => {
  it('stays as it is', () => {
    const payload = { text: 'x'.repeat(MAX_PAYLOAD_BYTES - 200) }
    const draft = decide.forwarded(liveSession(), 'x', payload)
    expect(draft.payload).toEqual({ method: 'x', params: payload })
  })

  it('over it, of a prompt, keeps its command and its beginning', () => {
    const draft = decide.turnRequested(liveSession(), 'p'.repeat(1024 * 1024), commandRecord('cmd-1'), NOW)
    expect(draft.payload).toMatchObject({ truncated: true, commandId: 'cmd-1' })
    expect(String(payloadOf(draft)['input'])).toMatch(/^p{1000}/)
  })
})

const HUGE = 'x'.repeat(2 * MAX_PAYLOAD_BYTES)

/** A value of the same type that is over every limit; undefined where the type cannot be. */
const inflated = (value: unknown): unknown => {
  if (typeof value === 'string') return HUGE
  if (Array.isArray(value)) return value.length === 0 ? undefined : Array.from({ length: 200_000 }, () => value[0] as unknown)
  if (value !== null && typeof value === 'object') return { ...value, extra: HUGE }
  return
}

const sessionSamples = eventSamples().filter(({ state }) => 'phase' in state)
const cases = sessionSamples.flatMap((sample) =>
  Object.entries(sample.payload).flatMap(([field, value]) => {
    const large = inflated(value)
    // Values of an enumeration cannot be long.
    const candidate = { ...sample, payload: { ...sample.payload, [field]: large } }
    return large === undefined || parseEvent(candidate, 1).problem ? [] : [[sample.type, field, candidate] as const]
  }),
)

describe('a payload that is cut still fits the schema of its type', () => {
  it('covers fields of many types', () => {
    expect(new Set(cases.map(([type]) => type)).size).toBeGreaterThan(15)
  })

  it.each(cases)('%s with a huge %s', (_type, _field, sample) => {
    const payload = bounded(sample.payload, sample.threadId)
    expect(payload['truncated']).toBe(true)
    expect(Buffer.byteLength(JSON.stringify(payload))).toBeLessThanOrEqual(MAX_PAYLOAD_BYTES)
    expect(parseEvent({ ...sample, payload }, 1).problem).toBeUndefined()
  })
})
