import { beforeEach, describe, expect, it } from 'vitest'
import { commandRecord, NOW, raisedRequest } from '../../test/session-builders.ts'
import { type SessionFixture, sessionFixture } from '../../test/session-fixture.ts'
import { requestRaised, turnRequested } from '../sessions/session-decider.ts'
import { handleNotification } from './notification-handler.ts'

let session: SessionFixture
beforeEach(() => {
  session = sessionFixture()
})

const types = () => session.aggregate.drafts.map(({ type }) => type)
const receive = (method: string, params: Record<string, unknown>, threadId = 'own') =>
  handleNotification(session.context, method, { threadId, ...params })
const prompt = (commandId = 'cmd-1') => {
  session.aggregate.state = turnRequested(session.aggregate.state, 'hello', commandRecord(commandId), NOW).state
}
const turn = (id: string, more: Record<string, unknown> = {}) => ({ turn: { id, items: [], status: 'inProgress', error: null, ...more } })
const message = (text: string, id = 'msg-1') => ({ item: { id, type: 'agentMessage', text } })
const completion = () => session.aggregate.drafts.findLast(({ type }) => type === 'lane.turn.completed')?.payload

describe('a notification about the own thread', () => {
  it('names the turn and completes it: canonical events first, low-priority ones last', async () => {
    prompt()
    receive('turn/started', turn('turn-1'))
    receive('item/completed', { turnId: 'turn-1', ...message('hello') })
    receive('thread/tokenUsage/updated', { turnId: 'turn-1', tokenUsage: { total: 5 } })
    receive('turn/completed', turn('turn-1', { status: 'completed', durationMs: 12 }))
    await session.context.store.settled()
    expect(types()).toEqual([
      'lane.turn.started',
      'lane.turn.started.notification',
      'lane.item.completed.notification',
      'lane.turn.completed',
      'lane.turn.completed.notification',
      'lane.usage.updated',
      'lane.thread.tokenUsage.updated.notification',
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

  it('completes a turn once, even if Codex reports it twice or reports another turn', () => {
    prompt()
    receive('turn/started', turn('turn-1'))
    receive('turn/completed', turn('turn-0', { status: 'completed' }))
    expect(completion()).toBeUndefined()
    receive('turn/completed', turn('turn-1', { status: 'completed' }))
    receive('turn/completed', turn('turn-1', { status: 'completed' }))
    expect(types().filter((type) => type === 'lane.turn.completed')).toHaveLength(1)
  })

  it('completes a turn whose start was never reported', () => {
    prompt()
    receive('turn/completed', turn('turn-1', { status: 'failed', error: { message: 'no' } }))
    expect(completion()).toMatchObject({ status: 'failed', commandId: 'cmd-1', error: { code: 'turn_failed' } })
  })

  it('makes a turn that no command asked for the active one', () => {
    receive('turn/started', turn('turn-5'))
    expect(session.aggregate.drafts[0]).toMatchObject({ type: 'lane.turn.started', payload: { origin: 'codex' } })
    receive('turn/completed', turn('turn-5', { status: 'completed' }))
    expect(completion()).toMatchObject({ turnId: 'turn-5', status: 'completed' })
  })

  it('records why the bridge ended a turn; a turn that completed anyway has no cause', () => {
    prompt()
    receive('turn/started', turn('turn-1'))
    session.context.turn.ending = { cause: 'operator', record: commandRecord('int-1', 'interrupt') }
    receive('turn/completed', turn('turn-1', { status: 'interrupted' }))
    expect(completion()).toMatchObject({ status: 'interrupted', cause: 'operator' })
    expect(session.aggregate.state.commands.map(({ commandId }) => commandId)).toContain('int-1')
    prompt('cmd-2')
    session.context.turn.ending = { cause: 'operator' }
    receive('turn/completed', turn('turn-2', { status: 'completed' }))
    expect(completion()).toMatchObject({ status: 'completed', cause: null })
    expect(session.context.turn.ending).toBeUndefined()
  })

  it('a turn that was ended because it stalled is a failed one', () => {
    prompt()
    session.context.turn.ending = { cause: 'stalled', failure: { code: 'turn_stalled', message: 'm' } }
    receive('turn/completed', turn('turn-1', { status: 'interrupted' }))
    expect(completion()).toMatchObject({ status: 'failed', cause: 'stalled', error: { code: 'turn_stalled' } })
  })

  it('leads to a verification where the lane has commands', () => {
    session = sessionFixture({}, { verificationCommands: ['true'] })
    prompt()
    receive('turn/completed', turn('turn-1', { status: 'completed' }))
    expect(completion()).toMatchObject({ verification: 'pending' })
  })

  it('does not carry the message of one turn over to the next', () => {
    prompt()
    receive('turn/started', turn('turn-1'))
    receive('item/completed', message('first'))
    receive('turn/completed', turn('turn-1', { status: 'completed' }))
    prompt('cmd-2')
    receive('turn/started', turn('turn-2'))
    receive('turn/completed', turn('turn-2', { status: 'completed' }))
    expect(completion()).toMatchObject({ turnId: 'turn-2', finalMessage: null })
  })

  it('without the fields the bridge reads is forwarded and changes nothing', () => {
    prompt()
    const before = session.aggregate.state
    receive('turn/completed', { turn: { status: 'completed' } })
    expect(types()).toEqual(['lane.turn.completed.notification'])
    expect(session.aggregate.state).toEqual(before)
  })
})

describe('a notification about a sub-agent', () => {
  it('is forwarded under its own thread and is never canonical for the lane', async () => {
    prompt()
    receive('turn/started', turn('turn-1'))
    receive('item/completed', { turnId: 'turn-1', ...message('mine') })
    const earlier = session.aggregate.drafts.length
    const { activeTurn } = session.aggregate.state
    receive('turn/started', turn('child-turn'), 'child')
    receive('item/started', { turnId: 'child-turn', item: { id: 'i', type: 'commandExecution' } }, 'child')
    receive('item/completed', { turnId: 'child-turn', ...message('child says', 'msg-9') }, 'child')
    receive('thread/tokenUsage/updated', { tokenUsage: { total: 999 } }, 'child')
    receive('turn/completed', turn('child-turn', { status: 'completed' }), 'child')
    await session.context.store.settled()
    const drafts = session.aggregate.drafts.slice(earlier)
    expect(drafts.every(({ type }) => type.endsWith('.notification') || type === 'lane.subagent.changed')).toBe(true)
    expect(new Set(drafts.map(({ threadId }) => threadId))).toEqual(new Set(['child']))
    expect(session.aggregate.state.activeTurn).toEqual(activeTurn)
    receive('turn/completed', turn('turn-1', { status: 'completed' }))
    expect(completion()).toMatchObject({ turnId: 'turn-1', finalMessage: 'mine', usage: null })
  })

  it('does not name the turn that was asked for', () => {
    prompt()
    receive('turn/started', turn('child-turn'), 'child')
    receive('turn/completed', turn('child-turn', { status: 'completed' }), 'child')
    expect(session.aggregate.state.activeTurn).toMatchObject({ commandId: 'cmd-1', turnId: null })
  })

  it('asks for its name once; a failure is asked again with its next turn', async () => {
    const thread = { id: 'child', parentThreadId: 'own', agentNickname: 'Hooke', agentRole: '' }
    session = sessionFixture({}, {}, { 'thread/read': [new Error('not now'), { thread }] })
    const starts = async (id: string) => {
      receive('turn/started', turn(id), 'child')
      await new Promise((resolve) => setImmediate(resolve))
    }
    await starts('turn-1')
    await starts('turn-2')
    await starts('turn-3')
    expect(session.calls.map(({ method }) => method)).toEqual(['thread/read', 'thread/read'])
    expect(session.aggregate.state.subAgents).toMatchObject([{ threadId: 'child', parentThreadId: 'own', nickname: 'Hooke', role: null }])
  })
})

describe('other notifications', () => {
  it('deltas are published and not stored', () => {
    receive('item/agentMessage/delta', { itemId: 'i', delta: 'x' })
    receive('item/commandExecution/outputDelta', { itemId: 'i', delta: 'y' })
    session.context.deltas.flush()
    expect(session.aggregate.drafts).toEqual([])
    expect(session.deltas.map(({ method }) => method)).toEqual(['item/agentMessage/delta', 'item/commandExecution/outputDelta'])
  })

  it('all others are forwarded as they came, known or not', () => {
    const params = { threadId: 'own', anything: [1, { deep: null }] }
    handleNotification(session.context, 'brand/new/thing', params)
    handleNotification(session.context, 'configWarning', {})
    expect(session.aggregate.drafts).toMatchObject([
      { type: 'lane.brand.new.thing.notification', payload: { method: 'brand/new/thing', params } },
      { type: 'lane.configWarning.notification', threadId: 'own' },
    ])
  })

  it('an item under way is known until it is completed, or its turn is', () => {
    const { items } = session.context.turn
    receive('item/started', { item: { id: 'f1', type: 'fileChange', changes: [{ path: 'a' }] } })
    receive('item/started', { item: { id: 'f2', type: 'fileChange', changes: [] } })
    receive('item/started', { item: { id: 'f3', type: 'fileChange', changes: [] } }, 'child')
    expect(items.get('f1')?.item).toMatchObject({ changes: [{ path: 'a' }] })
    receive('item/completed', { item: { id: 'f1', type: 'fileChange' } })
    expect([...items.keys()]).toEqual(['f2', 'f3'])
    receive('turn/completed', turn('turn-1', { status: 'completed' }))
    expect([...items.keys()]).toEqual(['f3'])
  })

  it('a request that Codex resolved is closed; one with the same id on another thread is not', () => {
    session.aggregate.state = requestRaised(session.aggregate.state, raisedRequest('apr_1', { requestId: 3, threadId: 'own' })).state
    receive('serverRequest/resolved', { requestId: 3 }, 'child')
    expect(session.aggregate.state.requests).toHaveLength(1)
    receive('serverRequest/resolved', { requestId: 3 })
    expect(session.aggregate.state.requests).toEqual([])
    expect(types()).toContain('lane.session.request.closed')
    receive('serverRequest/resolved', { requestId: 3 })
    expect(types().filter((type) => type === 'lane.session.request.closed')).toHaveLength(1)
  })
})
