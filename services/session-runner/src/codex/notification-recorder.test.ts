import type { SessionState } from '@codex-bridge/contracts'
import { beforeEach, describe, expect, it } from 'vitest'
import { commandRecord, NOW, raisedRequest, sessionState } from '../../test/session-samples.ts'
import { requestRaised, type SessionDraft, turnRequested } from '../sessions/session-decider.ts'
import { NotificationRecorder, type RecorderOptions } from './notification-recorder.ts'

let state: SessionState
let drafts: SessionDraft[]
let deltas: [string, Record<string, unknown>][]
let ending: ReturnType<RecorderOptions['ending']>
let verifies: boolean
let recorder: NotificationRecorder

beforeEach(() => {
  state = sessionState({ phase: 'live', epoch: 1, threadId: 'own' })
  drafts = []
  deltas = []
  ending = { cause: null }
  verifies = false
  recorder = new NotificationRecorder({
    record: (decide) => {
      const draft = decide(state)
      if (!draft) return
      drafts.push(draft)
      state = draft.state
    },
    delta: (method, params) => deltas.push([method, params]),
    ending: () => ending,
    verifies: () => verifies,
    now: () => NOW,
  })
})

const types = () => drafts.map(({ type }) => type)
const accept = (method: string, params: Record<string, unknown>, isOwn = true) =>
  recorder.accept(method, { threadId: isOwn ? 'own' : 'child', ...params }, isOwn)
const prompt = (commandId = 'cmd-1') => {
  state = turnRequested(state, 'hello', commandRecord(commandId), NOW).state
}
const turn = (id: string, more: Record<string, unknown> = {}) => ({ turn: { id, items: [], status: 'inProgress', error: null, ...more } })
const message = (text: string, id = 'msg-1') => ({ item: { id, type: 'agentMessage', text } })
const completion = () => drafts.find(({ type }) => type === 'lane.turn.completed')?.payload

describe('the own thread', () => {
  it('names the turn and completes it: the canonical event first, the raw one behind it', () => {
    prompt()
    accept('turn/started', turn('turn-1'))
    accept('item/completed', { turnId: 'turn-1', ...message('hello') })
    accept('thread/tokenUsage/updated', { turnId: 'turn-1', tokenUsage: { total: 5 } })
    accept('turn/completed', turn('turn-1', { status: 'completed', durationMs: 12 }))
    expect(types()).toEqual([
      'lane.turn.started',
      'lane.turn.started.notification',
      'lane.item.completed.notification',
      'lane.thread.tokenUsage.updated.notification',
      'lane.turn.completed',
      'lane.turn.completed.notification',
    ])
    expect(completion()).toMatchObject({
      turnId: 'turn-1',
      commandId: 'cmd-1',
      status: 'completed',
      finalMessage: 'hello',
      usage: { total: 5 },
      durationMs: 12,
      verification: 'none',
      cause: null,
    })
  })

  it('completes a turn once, also when Codex says it twice or about another turn', () => {
    prompt()
    accept('turn/started', turn('turn-1'))
    accept('turn/completed', turn('turn-0', { status: 'completed' }))
    expect(completion()).toBeUndefined()
    accept('turn/completed', turn('turn-1', { status: 'completed' }))
    accept('turn/completed', turn('turn-1', { status: 'completed' }))
    expect(types().filter((type) => type === 'lane.turn.completed')).toHaveLength(1)
  })

  it('completes a turn whose start was never reported', () => {
    prompt()
    accept('turn/completed', turn('turn-1', { status: 'failed', error: { message: 'no' } }))
    expect(completion()).toMatchObject({ status: 'failed', commandId: 'cmd-1', error: { code: 'turn_failed' } })
  })

  it('takes a turn nobody asked for as the active one', () => {
    accept('turn/started', turn('turn-5'))
    expect(drafts[0]).toMatchObject({ type: 'lane.turn.started', payload: { origin: 'codex' } })
    accept('turn/completed', turn('turn-5', { status: 'completed' }))
    expect(completion()).toMatchObject({ turnId: 'turn-5', status: 'completed' })
  })

  it('says why the bridge ended a turn; a turn that completed all the same has no cause', () => {
    prompt()
    accept('turn/started', turn('turn-1'))
    ending = { cause: 'operator', record: commandRecord('int-1', 'interrupt') }
    accept('turn/completed', turn('turn-1', { status: 'interrupted' }))
    expect(completion()).toMatchObject({ status: 'interrupted', cause: 'operator' })
    expect(state.commands.map(({ commandId }) => commandId)).toContain('int-1')
    drafts = []
    prompt('cmd-2')
    accept('turn/completed', turn('turn-2', { status: 'completed' }))
    expect(completion()).toMatchObject({ status: 'completed', cause: null })
  })

  it('a turn that was ended because it stalled failed, and says so', () => {
    prompt()
    ending = { cause: 'stalled', failure: { code: 'turn_stalled', message: 'm' } }
    accept('turn/completed', turn('turn-1', { status: 'interrupted' }))
    expect(completion()).toMatchObject({ status: 'failed', cause: 'stalled', error: { code: 'turn_stalled' } })
  })

  it('is to be verified where there are commands', () => {
    verifies = true
    prompt()
    accept('turn/completed', turn('turn-1', { status: 'completed' }))
    expect(completion()).toMatchObject({ verification: 'pending' })
  })

  it('forgets the message of the turn before', () => {
    prompt()
    accept('turn/started', turn('turn-1'))
    accept('item/completed', message('first'))
    accept('turn/completed', turn('turn-1', { status: 'completed' }))
    drafts = []
    prompt('cmd-2')
    accept('turn/started', turn('turn-2'))
    accept('turn/completed', turn('turn-2', { status: 'completed' }))
    expect(completion()).toMatchObject({ finalMessage: null })
  })
})

describe('a sub-agent on the same connection', () => {
  it('is forwarded under its own thread and is never canonical', () => {
    prompt()
    accept('turn/started', turn('turn-1'))
    accept('item/completed', { turnId: 'turn-1', ...message('mine') })
    drafts = []
    const before = state
    accept('turn/started', turn('child-turn'), false)
    accept('item/started', { turnId: 'child-turn', item: { id: 'i', type: 'commandExecution' } }, false)
    accept('item/completed', { turnId: 'child-turn', ...message('child says', 'msg-9') }, false)
    accept('thread/tokenUsage/updated', { tokenUsage: { total: 999 } }, false)
    accept('turn/completed', turn('child-turn', { status: 'completed' }), false)
    expect(types().every((type) => type.endsWith('.notification'))).toBe(true)
    expect(new Set(drafts.map(({ threadId }) => threadId))).toEqual(new Set(['child']))
    expect(state).toEqual(before)
    accept('turn/completed', turn('turn-1', { status: 'completed' }))
    expect(completion()).toMatchObject({ turnId: 'turn-1', finalMessage: 'mine', usage: null })
  })

  it('its turn is not taken for the one that was asked for', () => {
    prompt()
    accept('turn/started', turn('child-turn'), false)
    accept('turn/completed', turn('child-turn', { status: 'completed' }), false)
    expect(state.activeTurn).toMatchObject({ commandId: 'cmd-1', turnId: null })
  })
})

describe('the rest', () => {
  it('deltas are passed on and not stored', () => {
    accept('item/agentMessage/delta', { itemId: 'i', delta: 'x' })
    accept('item/commandExecution/outputDelta', { itemId: 'i', delta: 'y' })
    expect(drafts).toEqual([])
    expect(deltas.map(([method]) => method)).toEqual(['item/agentMessage/delta', 'item/commandExecution/outputDelta'])
  })

  it('every other notification is forwarded as it came, known or not', () => {
    const params = { threadId: 'own', anything: [1, { deep: null }] }
    recorder.accept('brand/new/thing', params, true)
    expect(drafts[0]).toMatchObject({ type: 'lane.brand.new.thing.notification', payload: { method: 'brand/new/thing', params } })
    recorder.accept('configWarning', {}, false)
    expect(drafts[1]).toMatchObject({ type: 'lane.configWarning.notification', threadId: 'own' })
  })

  it('an item under way is known until it is completed', () => {
    accept('item/started', { item: { id: 'f1', type: 'fileChange', changes: [{ path: 'a' }] } })
    expect(recorder.item('f1')).toMatchObject({ changes: [{ path: 'a' }] })
    accept('item/completed', { item: { id: 'f1', type: 'fileChange' } })
    expect(recorder.item('f1')).toBeUndefined()
  })

  it('a request that Codex resolved by itself is closed; the same number on another thread is not', () => {
    state = requestRaised(state, raisedRequest('apr_1', { requestId: 3, threadId: 'own' })).state
    accept('serverRequest/resolved', { requestId: 3 }, false)
    expect(state.requests).toHaveLength(1)
    accept('serverRequest/resolved', { requestId: 3 })
    expect(state.requests).toEqual([])
    expect(drafts.map(({ type }) => type)).toContain('lane.session.request.closed')
    accept('serverRequest/resolved', { requestId: 3 })
    expect(types().filter((type) => type === 'lane.session.request.closed')).toHaveLength(1)
  })
})
