import type { Approval, ApprovalsState } from '@codex-bridge/contracts'

/** Maximum size of all approvals of a lane together, in bytes. Every approval event carries them as its state. */
const STATE_BYTES = 128 * 1024

/** The reason of an approval without its details is cut to this many characters. */
const REASON_CHARS = 200

/** Size of a value as JSON, in bytes. */
export const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value) ?? '')

/**
 * Keeps the state within its limit by leaving out requests and answers: of ended approvals before pending ones, and of older
 * before newer. The event that raised or ended an approval still has them.
 */
export const withinStateLimit = (state: ApprovalsState): ApprovalsState => {
  let room = STATE_BYTES
  const limited = (approvals: Approval[]): Approval[] =>
    approvals
      .toReversed()
      .map((approval) => {
        const bytes = bytesOf(approval)
        room -= bytes
        return room >= 0 ? approval : withoutDetails(approval, bytes)
      })
      .toReversed()
  const pending = limited(state.pending)
  return { ...state, pending, ended: limited(state.ended) }
}

const withoutDetails = (approval: Approval, bytes: number): Approval => ({
  ...approval,
  reason: approval.reason.slice(0, REASON_CHARS),
  request: {
    ...(typeof approval.request['method'] === 'string' && { method: approval.request['method'] }),
    truncated: true,
    originalBytes: approval.request['originalBytes'] ?? bytes,
  },
  decision: approval.decision && {
    decision: approval.decision.decision,
    ...(approval.decision.scope && { scope: approval.decision.scope }),
  },
})
