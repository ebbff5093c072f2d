import type { SessionState } from '@codex-bridge/contracts'
import { BridgeError } from '@codex-bridge/contracts'
import type { Logger } from '@codex-bridge/service-kit'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { SessionDraft } from '../sessions/session-decider.ts'
import type { LoadedThread } from './thread-loader.ts'
import { nextWait, ThreadRetrier } from './thread-retrier.ts'

const loaded: LoadedThread = {
  thread: { id: 't', name: 'n', cwd: '/w' },
  stored: true,
  readiness: { deferred: false, reason: null },
  settings: { approvalPolicy: 'on-request', sandbox: 'workspace-write' },
}
const logger = { info: () => undefined, warn: () => undefined } as unknown as Logger

/** A keeper over a list of outcomes, and what it appended. */
const keeper = (outcomes: (LoadedThread | 'no_rollout' | 'active_writer' | BridgeError)[]) => {
  const drafts: SessionDraft[] = []
  const state = {
    laneId: 'a',
    threadId: 't',
    readinessDeferred: true,
    readinessReason: 'no_rollout',
    commands: [],
  } as unknown as SessionState
  const record = {
    state,
    append: (decide: (state: SessionState) => SessionDraft | undefined) => {
      const draft = decide(record.state)
      if (draft) {
        drafts.push(draft)
        record.state = draft.state
      }
      return Promise.resolve(undefined)
    },
  }
  const retry = vi.fn(() => {
    const next = outcomes.shift() ?? 'active_writer'
    return next instanceof BridgeError ? Promise.reject(next) : Promise.resolve(next)
  })
  const onReady = vi.fn()
  return { keeper: new ThreadRetrier({ loader: { retry }, record, retryMs: 1000, logger, onReady }), drafts, retry, onReady, record }
}

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

describe('ThreadRetrier', () => {
  it('tries until the thread is there, then says so once and stops', async () => {
    const { keeper: kept, drafts, retry, onReady, record } = keeper(['no_rollout', 'active_writer', loaded])
    kept.start()
    await vi.advanceTimersByTimeAsync(60_000)
    expect(retry).toHaveBeenCalledTimes(3)
    expect(onReady).toHaveBeenCalledExactlyOnceWith(loaded)
    expect(drafts.map(({ type }) => type)).toEqual(['lane.session.deferred', 'lane.session.ready'])
    expect(drafts[0]?.payload).toMatchObject({ was: 'no_rollout', readinessReason: 'active_writer' })
    expect(drafts[1]?.payload).toMatchObject({ was: 'active_writer', approvalPolicy: 'on-request', sandbox: 'workspace-write' })
    expect(record.state).toMatchObject({ readinessDeferred: false, readinessReason: null })
  })

  it('goes on after an error, and not after it was stopped', async () => {
    const { keeper: kept, retry, drafts } = keeper([new BridgeError('codex_timeout'), 'no_rollout', loaded])
    kept.start()
    await vi.advanceTimersByTimeAsync(2600)
    expect(retry).toHaveBeenCalledTimes(2)
    kept.stop()
    await vi.advanceTimersByTimeAsync(60_000)
    expect(retry).toHaveBeenCalledTimes(2)
    expect(drafts).toEqual([])
  })
})

describe('nextWait', () => {
  it('grows to half a minute and never shrinks', () => {
    expect([3000, 25_000, 30_000, 60_000].map(nextWait)).toEqual([4500, 30_000, 30_000, 60_000])
  })
})
