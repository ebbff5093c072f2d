import { describe, expect, it } from 'vitest'
import { SERVER_NOTIFICATION_METHODS } from '../generated/methods.ts'
import { isNotification, notificationKind } from './notifications.ts'

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

describe('isNotification', () => {
  it('narrows by name', () => {
    const message = { method: 'turn/started', params: { threadId: 'T', turn: { id: 'U' } } as unknown }
    expect(isNotification('turn/started', message) && message.params.turn.id).toBe('U')
    expect(isNotification('turn/completed', message)).toBe(false)
  })
})
