import type { SessionState } from '@codex-bridge/contracts'
import { type SessionDraft, turnCompleted, verificationCompleted } from './session-decider.ts'
import type { SessionStore } from './session-store.ts'

/** How the end of a session cut its turn off. */
export type CutOff = { cause: string; finalMessage: string | null; usage: unknown }

/** Stores the end of a session after everything else: first its turn and its verification end, then the session. */
export const storeEnd = async (
  store: SessionStore,
  cutOff: CutOff,
  last: (state: SessionState) => SessionDraft | undefined,
): Promise<void> => {
  const end = { ...cutOff, status: 'interrupted', error: null, verify: false } as const
  await store.settled()
  await store.append((state) => (state.activeTurn ? turnCompleted(state, end) : undefined))
  await store.append((state) =>
    state.verifying ? verificationCompleted(state, { status: 'interrupted', results: [], finalMessage: null }) : undefined,
  )
  await store.append(last)
}
