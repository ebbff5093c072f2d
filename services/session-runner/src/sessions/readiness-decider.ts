import { type CommandRecord, rememberCommand, type SessionState } from '@codex-bridge/contracts'
import { draft, type SessionDraft, type Started } from './session-decider.ts'

/** A deferred thread was resumed. */
export const sessionReady = (state: SessionState, facts: { settings: Started['settings']; deferredMs: number }): SessionDraft =>
  draft(
    'lane.session.ready',
    { ...state, readinessDeferred: false, readinessReason: null },
    {
      threadId: state.threadId,
      was: state.readinessReason,
      deferredMs: facts.deferredMs,
      approvalPolicy: facts.settings?.approvalPolicy ?? null,
      sandbox: facts.settings?.sandbox ?? null,
    },
  )

/** A deferred thread is still not ready, for another reason. */
export const sessionDeferred = (state: SessionState, reason: string): SessionDraft =>
  draft(
    'lane.session.deferred',
    { ...state, readinessReason: reason },
    { threadId: state.threadId, was: state.readinessReason, readinessReason: reason },
  )

/** A prompt was skipped because the thread is not ready. It is remembered, so that a retry does not run it later. */
export const turnSkipped = (state: SessionState, input: string, record: CommandRecord): SessionDraft =>
  draft(
    'lane.turn.skipped.readiness_deferred',
    { ...state, commands: rememberCommand(state.commands, record) },
    { reason: state.readinessReason, input, commandId: record.commandId },
    { commandId: record.commandId },
  )
