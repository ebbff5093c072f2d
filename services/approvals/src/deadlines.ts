import type { Approval, ApprovalsState } from '@codex-bridge/contracts'

/** The pending approvals with a deadline, over all lanes. */
export class Deadlines {
  readonly #approvals = new Map<string, Approval>()

  /** Applies the state of one lane's approvals. An older state than the last is corrected by the newer ones that follow it. */
  update(state: ApprovalsState): void {
    for (const { approvalId } of state.ended) this.#approvals.delete(approvalId)
    for (const approval of state.pending) if (approval.expiresAt !== null) this.#approvals.set(approval.approvalId, approval)
  }

  /** Approvals whose deadline has passed. Some may have been decided already. */
  due(now: string): Approval[] {
    return [...this.#approvals.values()].filter(({ expiresAt }) => expiresAt !== null && expiresAt <= now)
  }

  remove(approvalId: string): void {
    this.#approvals.delete(approvalId)
  }
}
