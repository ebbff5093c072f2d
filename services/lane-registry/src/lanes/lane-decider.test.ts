import { BridgeError, guard, type LaneCreate, LaneState } from '@codex-bridge/contracts'
import { describe, expect, it } from 'vitest'
import { laneState, NOW } from '../../test/lane-samples.ts'
import { decideCorrection, decideCreate, decideDelete } from './lane-decider.ts'

const command = (commandId: string, fingerprint = 'f') => ({ commandId, fingerprint, now: NOW })
const NOTHING = { state: undefined, seq: 0 }
const code = (call: () => unknown): string => {
  try {
    call()
  } catch (error) {
    return error instanceof BridgeError ? error.code : String(error)
  }
  return 'no error'
}
const created = (
  commandId = 'c1',
  body: Omit<LaneCreate, 'laneId'> = {},
  version: { state: LaneState | undefined; seq: number } = NOTHING,
) => {
  const draft = decideCreate(version, 'a', body, `evt_${commandId}`, command(commandId))
  if (!draft) throw new Error('nothing was created')
  return draft
}

describe('create', () => {
  it("makes a lane with the contract's defaults", () => {
    const draft = created()
    expect(draft).toMatchObject({ type: 'lane.created', laneId: 'a', sessionId: null, commandId: 'c1' })
    expect(guard(LaneState)(draft.state)).toBe(true)
    expect(draft.state).toMatchObject({
      status: 'idle',
      readinessMode: 'lenient',
      preferredSurface: 'any',
      deleted: false,
      incarnation: 'evt_c1',
    })
  })

  it('repeated by the same command changes nothing; by another it is lane_exists', () => {
    const { state } = created()
    expect(decideCreate({ state, seq: 1 }, 'a', {}, 'evt_2', command('c1'))).toBeUndefined()
    expect(code(() => decideCreate({ state, seq: 1 }, 'a', {}, 'evt_2', command('c2')))).toBe('lane_exists')
    expect(code(() => decideCreate({ state, seq: 1 }, 'a', {}, 'evt_2', command('c1', 'other')))).toBe('idempotency_key_reused')
  })

  it('after a deletion begins a new incarnation that takes nothing over', () => {
    const first = created('c1', { title: 'old', threadId: 't' })
    const deleted = decideDelete({ state: first.state, seq: 1 }, 'a', command('c2'))
    const second = created('c3', { title: 'new' }, { state: deleted?.state, seq: 2 })
    expect(second.state).toMatchObject({ incarnation: 'evt_c3', title: 'new', threadId: null, deleted: false, appliedSeq: 2 })
    expect(second.state.commands.map(({ commandId }) => commandId)).toEqual(['c3'])
  })

  it('never runs twice: a late retry of a creation whose lane is gone does not bring it back', () => {
    const first = created('c1')
    const deleted = decideDelete({ state: first.state, seq: 1 }, 'a', command('c2'))
    expect(decideCreate({ state: deleted?.state, seq: 2 }, 'a', {}, 'evt_3', command('c1'))).toBeUndefined()
    expect(code(() => decideCreate({ state: deleted?.state, seq: 2 }, 'a', {}, 'evt_3', command('c2', 'create')))).toBe(
      'idempotency_key_reused',
    )
  })

  it('refuses a description that would leave no room in its events', () => {
    const acceptanceCriteria = Array.from({ length: 64 }, () => 'x'.repeat(8192))
    expect(code(() => created('c1', { acceptanceCriteria }))).toBe('validation_error')
    expect(created('c1', { acceptanceCriteria: acceptanceCriteria.slice(0, 7) }).state.acceptanceCriteria).toHaveLength(7)
  })
})

describe('delete', () => {
  it('is remembered by its command, and refused where there is nothing', () => {
    const { state } = created()
    const deleted = decideDelete({ state, seq: 1 }, 'a', command('c2'))
    expect(deleted).toMatchObject({ type: 'lane.deleted', commandId: 'c2', state: { deleted: true } })
    expect(decideDelete({ state: deleted?.state, seq: 2 }, 'a', command('c2'))).toBeUndefined()
    expect(code(() => decideDelete({ state: deleted?.state, seq: 2 }, 'a', command('c3')))).toBe('lane_not_found')
    expect(code(() => decideDelete(NOTHING, 'a', command('c3')))).toBe('lane_not_found')
  })
})

describe('decideCorrection', () => {
  it('says why, once', () => {
    const reason = { code: 'no_runner', message: 'none' }
    const draft = decideCorrection({ state: laneState({ status: 'starting' }), seq: 4 }, 'blocked', reason, NOW)
    expect(draft).toMatchObject({ type: 'lane.blocked', payload: { from: 'starting', to: 'blocked', reason } })
    expect(decideCorrection({ state: draft?.state, seq: 5 }, 'blocked', reason, NOW)).toBeUndefined()
    expect(decideCorrection({ state: laneState({ deleted: true }), seq: 4 }, 'idle', reason, NOW)).toBeUndefined()
    expect(decideCorrection(NOTHING, 'idle', reason, NOW)).toBeUndefined()
  })
})
