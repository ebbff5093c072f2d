import { describe, expect, it } from 'vitest'
import { SERVER_NOTIFICATION_METHODS } from '../generated/methods.ts'
import { notificationKind, readNotification } from './notifications.ts'

describe('notificationKind', () => {
  it('finds exactly the deltas of the pinned version', () => {
    expect(SERVER_NOTIFICATION_METHODS.filter((method) => notificationKind(method) === 'delta')).toEqual([
      'command/exec/outputDelta',
      'item/agentMessage/delta',
      'item/commandExecution/outputDelta',
      'item/fileChange/outputDelta',
      'item/plan/delta',
      'item/reasoning/summaryTextDelta',
      'item/reasoning/textDelta',
      'process/outputDelta',
      'thread/realtime/item/transcript/delta',
      'thread/realtime/outputAudio/delta',
      'thread/realtime/transcript/delta',
    ])
  })

  it.each([
    ['item/new/somethingDelta', 'delta'],
    ['delta', 'delta'],
    ['deltaforce', 'event'],
    ['item/delta/completed', 'event'],
    ['thread/tokenUsage/updated', 'event'],
    ['', 'event'],
  ])('%s → %s', (method, kind) => {
    expect(notificationKind(method)).toBe(kind)
  })
})

describe('readNotification', () => {
  it.each([
    ['turn/started', { turn: { id: 'u' } }],
    ['turn/completed', { turn: { id: 'u', status: 'somethingNew', items: 'not loaded' } }],
    ['item/started', { item: { id: 'i', type: 'somethingNew' } }],
    ['item/completed', { item: { id: 'i', type: 'agentMessage', text: 'hello', addedLater: 1 } }],
    ['serverRequest/resolved', { requestId: 0 }],
    ['serverRequest/resolved', { requestId: 'r' }],
    ['thread/tokenUsage/updated', { tokenUsage: {} }],
    ['error', {}],
  ])('reads %s of any version', (method, fields) => {
    const params = { threadId: 't', ...fields }
    expect(readNotification(method, params)).toEqual({ method, params })
  })

  it.each([
    ['turn/started', { threadId: 't', turn: {} }],
    ['turn/completed', { threadId: 't', turn: null }],
    ['turn/completed', { turn: { id: 'u' } }],
    ['item/started', { threadId: 't', item: { id: 'i' } }],
    ['serverRequest/resolved', { threadId: 't', requestId: null }],
    ['thread/tokenUsage/updated', { threadId: 't' }],
    ['error', null],
    ['brand/new', { threadId: 't' }],
    ['constructor', { threadId: 't' }],
  ])('leaves %s unread when it lacks what the bridge reads, or is not known', (method, params) => {
    expect(readNotification(method, params)).toBeUndefined()
  })

  it('reads only methods of the pinned version', () => {
    const params = { threadId: 't', turn: { id: 'u' }, item: { id: 'i', type: 'x' }, requestId: 1, tokenUsage: {} }
    expect(SERVER_NOTIFICATION_METHODS.filter((method) => readNotification(method, params))).toEqual([
      'error',
      'item/completed',
      'item/started',
      'serverRequest/resolved',
      'thread/tokenUsage/updated',
      'turn/completed',
      'turn/started',
    ])
  })
})
