import type { SessionState, StatusReason } from '@codex-bridge/contracts'
import { BUILT_AT, sessionState } from '@codex-bridge/testkit'
import { claimed, type RaisedRequest, type Started, started, type TurnEnd, turnRequested } from '../src/sessions/session-decider.ts'

export { sessionState } from '@codex-bridge/testkit'

export const NOW = BUILT_AT
export const GONE: StatusReason = { code: 'runner_gone', message: 'gone' }

export const startedFacts = (more: Partial<Started> = {}): Started => ({
  process: { host: 'h', pid: 42, startTime: 1 },
  codexVersion: '1.0.0',
  threadId: 'thread-1',
  threadStored: true,
  readiness: { deferred: false, reason: null },
  startedAt: NOW,
  settings: null,
  ...more,
})

export const turnEnd = (more: Partial<TurnEnd> = {}): TurnEnd => ({
  status: 'completed',
  cause: null,
  error: null,
  finalMessage: 'done',
  usage: null,
  verify: false,
  ...more,
})

export const raisedRequest = (approvalId: string, more: Partial<RaisedRequest> = {}): RaisedRequest => ({
  requestId: 7,
  approvalId,
  kind: 'command',
  threadId: 'thread-1',
  turnId: 'turn-1',
  itemId: 'item-1',
  reason: 'Run ls',
  request: { method: 'item/commandExecution/requestApproval', command: 'ls', cwd: '/w' },
  availableDecisions: ['approve', 'deny'],
  ...more,
})

export const commandRecord = (commandId: string, verb = 'prompt') => ({ commandId, fingerprint: 'f', verb, answer: {} })

export const OWNER = { epoch: 4, runnerId: 'runner-1', home: '/home/dev/.codex' }

/** A live session. */
export const liveSession = (more: Partial<SessionState> = {}): SessionState => ({
  ...started(claimed(sessionState(), OWNER, 'start').state, startedFacts(), false).state,
  ...more,
})

/** A live session with a requested turn. */
export const promptedSession = (commandId = 'cmd-1'): SessionState =>
  turnRequested(liveSession(), 'hello', commandRecord(commandId), NOW).state
