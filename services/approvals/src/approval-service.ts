import { AggregateStore, type Bus, decodeEvent, type EventLog, readLatest, runReactor } from '@codex-bridge/bus'
import {
  type Approval,
  type Approvals,
  type ApprovalsState,
  BridgeError,
  type BridgeEvent,
  CHECKPOINTS,
  isEventOf,
  type RequestOf,
  subjects,
} from '@codex-bridge/contracts'
import { fingerprint, type Logger, stampEvent } from '@codex-bridge/service-kit'
import { decideExpiry, decideFromSession, decideManualRequest, decideResolution } from './approval-decider.ts'

export type ThreadRetrierOptions = { bus: Bus; log: EventLog; logger: Logger; expirySec: number }

/** How often due approvals are looked for, in milliseconds. */
const EXPIRY_CHECK_MS = 1000

const WAIT_OUT = { patienceMs: Number.POSITIVE_INFINITY } as const

/** Owns the approval aggregate: follows sessions, takes decisions, ends what nobody decides. */
export class ApprovalService {
  readonly #options: ThreadRetrierOptions
  readonly #store: AggregateStore<'approval'>
  /** Pending approvals with a deadline, by id. */
  readonly #due = new Map<string, Approval>()

  constructor(options: ThreadRetrierOptions) {
    this.#options = options
    this.#store = new AggregateStore(options.log, 'approval', stampEvent)
  }

  /** Follows the log until the signal fires. Run it as leader. */
  async run(signal: AbortSignal): Promise<void> {
    const { bus, logger } = this.#options
    this.#due.clear()
    for (const event of await readLatest(bus, subjects.aggregateEvents('approval'), decodeEvent)) {
      if (isEventOf(event, 'approval')) this.#note(event.state)
    }
    const timer = setInterval(() => void this.#expire(), EXPIRY_CHECK_MS)
    try {
      const observe = (problem: string) => logger.warn({ problem }, 'reactor')
      await runReactor({ bus, name: CHECKPOINTS.approvals, signal, observe, decode: decodeEvent }, (event) => this.#react(event))
    } finally {
      clearInterval(timer)
    }
  }

  /** @throws BridgeError `lane_not_found` */
  async list({ laneId }: RequestOf<typeof Approvals.list>): Promise<{ approvals: Approval[]; nextCursor: null }> {
    const [{ state }, event] = await Promise.all([this.#store.load(laneId), this.#options.log.last(laneId, 'lane')])
    const lane = event?.state
    if (!lane || lane.deleted) throw new BridgeError('lane_not_found', `No lane ${laneId}`)
    const current = state?.incarnation === lane.incarnation ? state : undefined
    return {
      approvals: [...(current?.pending ?? []), ...(current?.ended ?? [])].sort((left, right) => left.raisedSeq - right.raisedSeq),
      nextCursor: null,
    }
  }

  async decide(request: RequestOf<typeof Approvals.decide>): Promise<Approval> {
    const now = new Date().toISOString()
    const { version } = await this.#store.transact(request.laneId, (current) => decideResolution(current, { ...request, now }))
    const approval = version.state?.ended.find(({ approvalId }) => approvalId === request.approvalId)
    this.#due.delete(request.approvalId)
    return approval as Approval
  }

  /** Asks a person by hand. @throws BridgeError `lane_not_found` */
  async request({ commandId, body }: RequestOf<typeof Approvals.request>): Promise<Approval> {
    const { laneId, source = 'runtime', reason = 'Asked by hand' } = body
    const lane = (await this.#options.log.last(laneId, 'lane'))?.state
    if (!lane || lane.deleted) throw new BridgeError('lane_not_found', `No lane ${laneId}`)
    const { expirySec } = this.#options
    const expiresAt = expirySec > 0 ? new Date(Date.now() + expirySec * 1000).toISOString() : null
    const approvalId = `apr_${fingerprint('request-approval', commandId).replaceAll(/[^A-Za-z0-9]/g, '0')}`
    const asked = { laneId, incarnation: lane.incarnation, approvalId, source, reason, now: new Date().toISOString(), expiresAt }
    const { version } = await this.#store.transact(laneId, (current) => decideManualRequest(current, asked))
    if (version.state) this.#note(version.state)
    return [...(version.state?.pending ?? []), ...(version.state?.ended ?? [])].find(
      (approval) => approval.approvalId === approvalId,
    ) as Approval
  }

  async #react(event: BridgeEvent): Promise<void> {
    // What another instance stored, such as a manual request: the leader alone lets it expire.
    if (isEventOf(event, 'approval')) this.#note(event.state)
    if (!isEventOf(event, 'session') || !this.#mayMatter(event)) return
    const now = new Date().toISOString()
    const { expirySec } = this.#options
    const expiresAt = expirySec > 0 ? new Date(Date.now() + expirySec * 1000).toISOString() : null
    for (;;) {
      const decide = (version: { state: ApprovalsState | undefined; seq: number }) => decideFromSession(version, event, now, expiresAt)
      const { event: appended, version } = await this.#store.transact(event.laneId, decide, WAIT_OUT)
      if (version.state) this.#note(version.state)
      if (!appended) return
    }
  }

  /**
   * Forwarded notifications never open or close a request, and most sessions never ask: only what can change an approval is
   * worth a look at the log.
   */
  #mayMatter(event: BridgeEvent): boolean {
    return event.type.startsWith('lane.session.')
  }

  #note(state: ApprovalsState): void {
    for (const { approvalId } of state.ended) this.#due.delete(approvalId)
    for (const approval of state.pending) if (approval.expiresAt) this.#due.set(approval.approvalId, approval)
  }

  async #expire(): Promise<void> {
    const now = new Date().toISOString()
    for (const approval of [...this.#due.values()]) {
      if (approval.expiresAt === null || approval.expiresAt > now) continue
      try {
        await this.#store.transact(approval.laneId, (version) => decideExpiry(version, approval.approvalId, now))
        this.#due.delete(approval.approvalId)
      } catch (error) {
        this.#options.logger.warn({ err: error, laneId: approval.laneId }, 'expiry is tried again')
      }
    }
  }
}
