import { BridgeError, guard, type LaneCreate, LaneState, type LaneWorktree, type WorktreeOutcome } from '@codex-bridge/contracts'
import { describe, expect, it } from 'vitest'
import { laneState, NOW } from '../../test/lane-samples.ts'
import { decideCreate, decideDelete } from './lane-decider.ts'
import { assertWorktreeRequest, decideWorktree } from './worktree-decider.ts'

const PLAN = { path: '/srv/worktrees/a', branch: 'codex-bridge/a', branchCreated: true, base: 'abc' }
const worktree = (state: LaneWorktree['state']): LaneWorktree => ({ ...PLAN, state })
const command = { commandId: 'c', fingerprint: 'f', now: NOW }
const problemsOf = (body: LaneCreate): string[] => {
  try {
    assertWorktreeRequest(body)
    return []
  } catch (error) {
    return ((error as BridgeError).details as { path: string }[]).map(({ path }) => path)
  }
}

describe('a request for a worktree', () => {
  it('needs a repository and excludes a worktree and a thread that exist', () => {
    expect(problemsOf({ worktree: true, repoRoot: '/srv/a', branch: 'x' })).toEqual([])
    expect(problemsOf({ worktree: true, worktreePath: '/srv/b', threadId: 't' })).toEqual(['/repoRoot', '/worktreePath', '/worktree'])
    expect(problemsOf({ worktree: false, worktreePath: '/srv/b' })).toEqual([])
  })
})

describe('creation', () => {
  const body = { repoRoot: '/srv/a', worktree: true }

  it('stores what will be made before it is', () => {
    const draft = decideCreate({ state: undefined, seq: 0 }, 'a', body, 'evt_1', command, PLAN)
    expect(draft?.state).toMatchObject({ worktreePath: PLAN.path, branch: PLAN.branch, worktree: worktree('requested') })
    expect(draft?.payload).toMatchObject({ worktree: worktree('requested') })
    expect(guard(LaneState)(draft?.state)).toBe(true)
  })

  it('without a plan is told to come again: the lane that made one needless is gone', () => {
    expect(() => decideCreate({ state: undefined, seq: 0 }, 'a', body, 'evt_1', command)).toThrow(BridgeError)
  })
})

describe('the worktree of a lane', () => {
  const decide = (state: LaneState, from: LaneWorktree['state'], to: 'ready' | 'removing') =>
    decideWorktree({ state, seq: 1 }, 'evt_a', { from, to }, NOW)

  it('is ready once, and only in the incarnation that asked', () => {
    const lane = laneState({ worktree: worktree('requested') })
    const draft = decide(lane, 'requested', 'ready')
    expect(draft).toMatchObject({
      type: 'lane.updated',
      state: { worktree: worktree('ready'), status: 'idle' },
      payload: { worktree: worktree('ready') },
    })
    expect(decide(draft?.state as LaneState, 'requested', 'ready')).toBeUndefined()
    expect(decide({ ...lane, incarnation: 'evt_b' }, 'requested', 'ready')).toBeUndefined()
    expect(decide({ ...lane, deleted: true }, 'requested', 'ready')).toBeUndefined()
    expect(decide(laneState(), 'requested', 'ready')).toBeUndefined()
  })

  it('that was made late does not undo a removal that has begun', () => {
    expect(decide(laneState({ worktree: worktree('removing') }), 'requested', 'ready')).toBeUndefined()
  })

  it.each([
    ['worktree_blocked', 'idle'],
    ['no_runner', 'idle'],
    ['usage_limit', 'blocked'],
  ] as const)('made at last leaves a lane that was blocked by %s %s', (code, status) => {
    const lane = laneState({ status: 'blocked', statusReason: { code, message: 'm' }, worktree: worktree('requested') })
    expect(decide(lane, 'requested', 'ready')?.state.status).toBe(status)
    expect(decide(lane, 'requested', 'removing')?.state.status).toBe('blocked')
  })
})

describe('deletion', () => {
  const removed: WorktreeOutcome = {
    path: PLAN.path,
    branch: PLAN.branch,
    removed: true,
    reason: null,
    branchDeleted: true,
    branchReason: null,
  }

  it('tells what became of the worktree', () => {
    const version = { state: laneState({ worktree: worktree('removing') }), seq: 1 }
    expect(decideDelete(version, 'a', command, removed)?.payload).toEqual({ status: 'idle', worktree: removed })
    expect(decideDelete({ state: laneState(), seq: 1 }, 'a', command)?.payload).toEqual({ status: 'idle' })
  })

  it('does not forget a worktree that was made anew meanwhile', () => {
    const version = { state: laneState({ worktree: worktree('ready') }), seq: 1 }
    expect(() => decideDelete(version, 'a', command, removed)).toThrow(expect.objectContaining({ code: 'conflict' }))
    expect(decideDelete(version, 'a', command, { ...removed, removed: false })).toBeDefined()
  })
})
