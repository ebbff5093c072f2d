import { ApprovalsState, guard, LaneState, OpenRequest, SessionState } from '@codex-bridge/contracts'
import { expect, it } from 'vitest'
import { approvalsState, laneState, liveSession, openRequest, sessionState } from './states.ts'

it.each([
  ['a lane', LaneState, laneState()],
  ['a session', SessionState, sessionState()],
  ['a live session', SessionState, liveSession({ requests: [openRequest('apr_1')] })],
  ['a request', OpenRequest, openRequest('apr_1')],
  ['approvals', ApprovalsState, approvalsState()],
])('%s is valid as built', (_, schema, built) => {
  expect(guard(schema)(built)).toBe(true)
})
