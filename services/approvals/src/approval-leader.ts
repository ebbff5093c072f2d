import { setTimeout as sleep } from 'node:timers/promises'
import { decodeEvent, readLatest, runReactor, type Version } from '@codex-bridge/bus'
import { type ApprovalsState, type BridgeEvent, CHECKPOINTS, isEventOf, type SessionEvent, subjects } from '@codex-bridge/contracts'
import { type ApprovalsContext, expiryFrom } from './context.ts'
import { Deadlines } from './deadlines.ts'
import { decideExpiry } from './deciders/expiry-decider.ts'
import { decideFromSession } from './deciders/session-decider.ts'

/** How often due approvals are looked up, in milliseconds. */
const EXPIRY_CHECK_MS = 1000

/** Following the log waits for the broker however long an outage lasts: skipping an event would lose an approval. */
const UNLIMITED_PATIENCE = { patienceMs: Number.POSITIVE_INFINITY } as const

/** What only the leading process does: it opens and closes approvals as sessions do, and denies those that nobody decides. */
export class ApprovalLeader {
  readonly #context: ApprovalsContext
  #deadlines = new Deadlines()

  constructor(context: ApprovalsContext) {
    this.#context = context
  }

  /** One term as leader: follows the log until the signal fires. */
  async lead(signal: AbortSignal): Promise<void> {
    const { bus, logger } = this.#context
    this.#deadlines = new Deadlines()
    for (const event of await readLatest(bus, subjects.aggregateEvents('approval'), decodeEvent)) {
      if (isEventOf(event, 'approval')) this.#deadlines.update(event.state)
    }
    const observe = (problem: string) => logger.warn({ problem }, 'reactor')
    await Promise.all([
      runReactor({ bus, name: CHECKPOINTS.approvals, decode: decodeEvent, signal, observe }, (event) => this.#react(event)),
      this.#expireUntil(signal),
    ])
  }

  async #react(event: BridgeEvent): Promise<void> {
    // Also events of other processes: they take decisions, and create manual approvals with deadlines.
    if (isEventOf(event, 'approval')) this.#deadlines.update(event.state)
    // Turns and forwarded notifications never open or close a request.
    else if (isEventOf(event, 'session') && event.type.startsWith('lane.session.')) await this.#follow(event)
  }

  async #follow(event: SessionEvent): Promise<void> {
    const now = new Date()
    const expiresAt = expiryFrom(now, this.#context.expirySec)
    const decide = (version: Version<ApprovalsState>) => decideFromSession(version, event, now.toISOString(), expiresAt)
    // One session event can end several approvals.
    for (;;) {
      const { event: appended } = await this.#context.approvals.transact(event.laneId, decide, UNLIMITED_PATIENCE)
      if (!appended) return
    }
  }

  async #expireUntil(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#expire()
      // An abort ends the pause early; the loop condition sees it.
      await sleep(EXPIRY_CHECK_MS, undefined, { signal }).catch(() => undefined)
    }
  }

  async #expire(): Promise<void> {
    const now = new Date().toISOString()
    for (const { approvalId, laneId } of this.#deadlines.due(now)) {
      try {
        await this.#context.approvals.transact(laneId, (version) => decideExpiry(version, approvalId, now))
        this.#deadlines.remove(approvalId)
      } catch (err) {
        this.#context.logger.warn({ err, laneId, approvalId }, 'approval not expired, retrying')
      }
    }
  }
}
