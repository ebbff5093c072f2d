import { RpcTimeoutError } from '@codex-bridge/codex-client'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { refusal, sessionFixture } from '../../test/session-fixture.ts'
import { nextWait, ThreadRetrier } from './thread-retrier.ts'

const NOTHING_STORED = refusal('no rollout found for thread id own')
const LOCKED = refusal('thread own already has an active writer')
const LOADED = { thread: { id: 'own', name: 'n' }, cwd: '/w', approvalPolicy: 'on-request', sandbox: { type: 'workspaceWrite' } }

/** A session whose thread is deferred, and the answers to its retries. */
const deferred = (...answers: unknown[]) => {
  const session = sessionFixture({ readinessDeferred: true, readinessReason: 'no_rollout' }, {}, { 'thread/resume': answers })
  return { ...session, retrier: new ThreadRetrier(session.context) }
}

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

describe('ThreadRetrier', () => {
  it('retries until the thread is loaded, records that once, and stops', async () => {
    const { retrier, context, aggregate, calls } = deferred(NOTHING_STORED, LOCKED, LOADED)
    retrier.start()
    await vi.advanceTimersByTimeAsync(60_000)
    expect(calls.map(({ method }) => method)).toEqual(['thread/resume', 'thread/resume', 'thread/resume'])
    expect(context.thread).toEqual({ id: 'own', name: 'n', cwd: '/w' })
    expect(aggregate.drafts.map(({ type }) => type)).toEqual(['lane.session.deferred', 'lane.session.ready'])
    expect(aggregate.drafts[0]?.payload).toMatchObject({ was: 'no_rollout', readinessReason: 'active_writer' })
    expect(aggregate.drafts[1]?.payload).toMatchObject({
      was: 'active_writer',
      approvalPolicy: 'on-request',
      sandbox: 'workspace-write',
    })
    expect(aggregate.state).toMatchObject({ readinessDeferred: false, readinessReason: null })
  })

  it('continues after an error, and not after it was stopped', async () => {
    const { retrier, calls, aggregate } = deferred(new RpcTimeoutError('thread/resume', 1, true), NOTHING_STORED, LOADED)
    retrier.start()
    await vi.advanceTimersByTimeAsync(2600)
    expect(calls).toHaveLength(2)
    retrier.stop()
    await vi.advanceTimersByTimeAsync(60_000)
    expect(calls).toHaveLength(2)
    expect(aggregate.drafts).toEqual([])
  })
})

describe('nextWait', () => {
  it('grows to half a minute and never shrinks', () => {
    expect([3000, 25_000, 30_000, 60_000].map(nextWait)).toEqual([4500, 30_000, 30_000, 60_000])
  })
})
