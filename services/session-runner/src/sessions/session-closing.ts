import type { SessionState } from '@codex-bridge/contracts'
import { type SessionDraft, turnCompleted, verificationCompleted } from './session-decider.ts'
import type { SessionStore } from './session-store.ts'

/** How a turn was cut off by the end of its session. */
export type CutOff = { cause: string; finalMessage: string | null; usage: unknown }

/** Stores how a session ends, after everything it noted: the turn and the verification it was in are over, and then it is. */
export const storeEnd = async (
  record: SessionStore,
  cutOff: CutOff,
  last: (state: SessionState) => SessionDraft | undefined,
): Promise<void> => {
  const end = { ...cutOff, status: 'interrupted', error: null, verify: false } as const
  await record.settled()
  await record.append((state) => (state.activeTurn ? turnCompleted(state, end) : undefined))
  await record.append((state) =>
    state.verifying ? verificationCompleted(state, { status: 'interrupted', results: [], finalMessage: null }) : undefined,
  )
  await record.append(last)
}
