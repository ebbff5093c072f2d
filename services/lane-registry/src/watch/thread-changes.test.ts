import { type Draft, guard, LaneState, type SessionState, type ThreadSeen } from '@codex-bridge/contracts'
import { describe, expect, it } from 'vitest'
import { laneState } from '../../test/lane-samples.ts'
import { seenOf, type ThreadFacts, UNTOUCHED } from '../threads/thread-snapshot.ts'
import { decideObservation, isWatched, type ThreadObservation } from './thread-changes.ts'

const CREATED = '2026-01-01T00:00:00.000Z'
const NOW = '2026-01-01T01:00:00.000Z'
const T0 = Date.parse(CREATED) / 1000

const lane = (more: Partial<LaneState> = {}): LaneState =>
  laneState({ threadId: 'thread-1', statusSince: CREATED, createdAt: CREATED, updatedAt: CREATED, ...more })

const facts = (more: Partial<ThreadFacts> = {}): ThreadFacts => ({
  title: 'One',
  cwd: '/w',
  branch: 'main',
  surface: 'cli',
  updatedAt: T0,
  archived: false,
  ...more,
})

const sighting = (more: Partial<ThreadObservation> = {}): ThreadObservation => ({
  facts: facts(),
  writer: null,
  workspaceMissing: false,
  sessionAt: null,
  ...more,
})

const seen = (more: Partial<ThreadSeen> = {}): ThreadSeen => ({ ...seenOf(facts(), null), ...more })
const writer = { pid: 7, surface: 'cli' as const, since: null }

const decidedChanges = (draft: Draft<'lane'> | undefined) => (draft?.type === 'lane.thread.updated' ? draft.payload.changes : undefined)
const changesOf = (before: LaneState, look: ThreadObservation): unknown =>
  decidedChanges(decideObservation({ state: before, seq: 1 }, look, NOW))

describe('decideObservation', () => {
  it('says nothing while nothing changed, nor of a thread seen for the first time as it should be', () => {
    expect(changesOf(lane({ thread: seen() }), sighting())).toBeUndefined()
    expect(changesOf(lane(), sighting())).toBeUndefined()
    expect(changesOf(lane({ thread: null }), sighting())).toBeUndefined()
    expect(changesOf(lane({ thread: seen(), deleted: true }), sighting({ facts: null }))).toBeUndefined()
    expect(decideObservation({ state: undefined, seq: 0 }, sighting(), NOW)).toBeUndefined()
  })

  it.each<[string, Partial<ThreadSeen>, Partial<ThreadObservation>, string[]]>([
    ['renamed', {}, { facts: facts({ title: 'Two' }) }, ['renamed']],
    ['its name taken away', {}, { facts: facts({ title: null }) }, ['renamed']],
    ['on another branch', {}, { facts: facts({ branch: 'fix' }) }, ['branch']],
    ['driven elsewhere', {}, { facts: facts({ updatedAt: T0 + 5 }) }, ['activity']],
    ['archived', {}, { facts: facts({ archived: true }) }, ['archived']],
    ['unarchived, which dates it anew', { archived: true }, { facts: facts({ updatedAt: T0 + 5 }) }, ['unarchived']],
    ['deleted', {}, { facts: null }, ['deleted']],
    ['back', { missing: true }, {}, ['restored']],
    ['taken by another process', {}, { writer }, ['writer_taken']],
    ['handed from one process to another', { writer: { ...writer, pid: 6 } }, { writer }, ['writer_taken']],
    ['let go of', { writer }, {}, ['writer_freed']],
    ['without its workspace', {}, { workspaceMissing: true }, ['workspace_missing']],
    ['with its workspace again', { workspaceMissing: true }, {}, ['workspace_restored']],
    ['driven and renamed', {}, { facts: facts({ title: 'Two', updatedAt: T0 + 9 }), writer }, ['renamed', 'activity', 'writer_taken']],
  ])('%s', (_what, before, look, changes) => {
    expect(changesOf(lane({ thread: seen(before) }), sighting(look))).toEqual(changes)
  })

  it('says each change once: what it leads to is what was seen', () => {
    const look = sighting({ facts: facts({ title: 'Two', archived: true, updatedAt: T0 + 9 }), writer, workspaceMissing: true })
    const first = decideObservation({ state: lane({ thread: seen() }), seq: 1 }, look, NOW)
    expect(guard(LaneState)(first?.state)).toBe(true)
    expect(first?.state).toMatchObject({ title: 'Two', surface: 'cli', updatedAt: NOW, thread: { name: 'Two', archived: true, writer } })
    expect(first?.payload).toMatchObject({ threadId: 'thread-1', updatedAt: '2026-01-01T00:00:09.000Z', title: 'Two' })
    expect(decideObservation({ state: first?.state, seq: 2 }, look, NOW)).toBeUndefined()
  })

  it('what the lane’s own session did is no news', () => {
    const after = '2026-01-01T00:10:00.500Z'
    const look = (updatedAt: number) => sighting({ facts: facts({ updatedAt }), sessionAt: after })
    expect(changesOf(lane({ thread: seen() }), look(T0 + 600))).toBeUndefined()
    expect(changesOf(lane(), look(T0 + 600))).toBeUndefined()
    expect(changesOf(lane({ thread: seen() }), look(T0 + 601))).toEqual(['activity'])
    const named = sighting({ facts: facts({ title: 'Two' }), sessionAt: after })
    expect(changesOf(lane({ title: 'One' }), named)).toEqual(['renamed'])
    expect(changesOf(lane({ title: 'Two' }), named)).toBeUndefined()
    expect(changesOf(lane(), named)).toBeUndefined()
  })

  it('what cannot be seen stays as it was', () => {
    const blind = sighting({ writer: undefined, workspaceMissing: undefined })
    const before = lane({ thread: seen({ writer, workspaceMissing: true }) })
    expect(changesOf(before, blind)).toBeUndefined()
    const gone = decideObservation({ state: before, seq: 1 }, { ...blind, facts: null }, NOW)
    expect(gone?.state.thread).toMatchObject({ missing: true, name: 'One', writer, workspaceMissing: true })
    expect(gone?.state.title).toBeNull()
  })

  it('at first sight tells what is not as it should be', () => {
    expect(changesOf(lane(), sighting({ facts: null }))).toEqual(['deleted'])
    expect(changesOf(lane(), sighting({ facts: facts({ archived: true }), writer, workspaceMissing: true }))).toEqual([
      'archived',
      'writer_taken',
      'workspace_missing',
    ])
  })
})

describe('isWatched', () => {
  const session = (more: Partial<SessionState>) => ({ incarnation: 'evt_a', phase: 'stopped', threadStored: true, ...more }) as SessionState
  const of = (more: Partial<SessionState>, threadId: string | null = 'thread-1') =>
    isWatched({ lane: lane({ threadId }), session: session(more), approvals: undefined, seq: 1 })

  it('is a lane with a stored thread that no session of ours has', () => {
    expect(of({})).toBe(true)
    expect(of({ phase: 'hibernated' })).toBe(true)
    expect(of({ phase: 'live' })).toBe(false)
    expect(of({ phase: 'claimed' })).toBe(false)
    expect(of({ phase: 'live', incarnation: 'evt_old' })).toBe(true)
    expect(of({ threadStored: false })).toBe(false)
    expect(of({}, null)).toBe(false)
    expect(isWatched({ lane: lane(), session: undefined, approvals: undefined, seq: 1 })).toBe(true)
  })
})

describe('seenOf', () => {
  it('keeps what Codex says nothing of', () => {
    expect(seenOf(facts(), { ...UNTOUCHED, writer, workspaceMissing: true, missing: true })).toMatchObject({
      writer,
      workspaceMissing: true,
      missing: false,
    })
  })
})
