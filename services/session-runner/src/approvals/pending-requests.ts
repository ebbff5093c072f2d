/** A request of Codex in full: its stored form may have been cut, and may not be stored yet. */
export type PendingRequest = { requestId: number | string; threadId: string; turnId: string | null; request: Record<string, unknown> }

/** Requests of Codex that wait for an answer, by approval. */
export class PendingRequests {
  readonly #pending = new Map<string, PendingRequest>()

  add(approvalId: string, request: PendingRequest): void {
    this.#pending.set(approvalId, request)
  }

  get(approvalId: string): PendingRequest | undefined {
    return this.#pending.get(approvalId)
  }

  /** Removes the requests that fit. @returns their approvals */
  remove(fits: (request: PendingRequest, approvalId: string) => boolean): string[] {
    const found = [...this.#pending].flatMap(([approvalId, request]) => (fits(request, approvalId) ? [approvalId] : []))
    for (const approvalId of found) this.#pending.delete(approvalId)
    return found
  }

  /** Threads, also of sub-agents, that wait for a person. */
  get waitingThreads(): ReadonlySet<string> {
    return new Set([...this.#pending.values()].map(({ threadId }) => threadId))
  }
}
