import { fileURLToPath } from 'node:url'
import { AggregateStore, type Bus, decodeEvent, EventLog, RESEND_MS, readRange } from '@codex-bridge/bus'
import { type Broker, startBroker } from '@codex-bridge/bus/testing'
import {
  type Approval,
  type Draft,
  type OpenRequest,
  type ReplyOf,
  type RequestOf,
  type ServiceVerb,
  type SessionState,
  subjects,
} from '@codex-bridge/contracts'
import { createLogger, stampEvent } from '@codex-bridge/service-kit'
import { liveSession, type ManagedProcess, openRequest, sampleEvent, startProcess, waitFor } from '@codex-bridge/testkit'
import { ApprovalLeader } from '../../src/approval-leader.ts'
import { ApprovalService } from '../../src/approval-service.ts'

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url))

/** Anything that lists approvals: the service in this process, or one on the bus. */
type Lists = { list(request: { laneId: string }): Promise<{ approvals: Approval[] }> }

/** A leading service in this process. */
export type RunningService = { service: ApprovalService; stop: () => Promise<void> }

/** A real broker, lanes and sessions written by the test, and approvals services in this process or as processes. */
export class ApprovalsFixture {
  readonly bus: Bus
  readonly log: EventLog
  readonly lanes: AggregateStore<'lane'>
  readonly processes: ManagedProcess[] = []
  readonly #broker: Broker
  readonly #sessions: AggregateStore<'session'>
  #laneId = 'lane-0'
  #created = 0

  private constructor(broker: Broker) {
    this.#broker = broker
    this.bus = broker.bus
    this.log = new EventLog(broker.bus)
    this.lanes = new AggregateStore(this.log, 'lane', stampEvent)
    this.#sessions = new AggregateStore(this.log, 'session', stampEvent)
  }

  static async start(): Promise<ApprovalsFixture> {
    return new ApprovalsFixture(await startBroker())
  }

  async stop(): Promise<void> {
    for (const process of this.processes) if (process.running) await process.stop()
    await this.#broker.stop()
  }

  /** The lane all other methods are about. */
  get laneId(): string {
    return this.#laneId
  }

  async createLane(): Promise<void> {
    this.#created += 1
    this.#laneId = `lane-${this.#created}`
    await this.appendLane('lane.created')
  }

  async appendLane(type: 'lane.created' | 'lane.deleted', incarnation = 'evt_a'): Promise<void> {
    const { payload, state } = sampleEvent(type)
    const deleted = type === 'lane.deleted'
    const draft = { type, ...this.#context(), payload, state: { ...state, laneId: this.#laneId, incarnation, deleted } } as Draft<'lane'>
    await this.lanes.transact(this.#laneId, () => draft)
  }

  /** Appends a session event after which these requests are open. */
  async appendSession(
    type: string,
    requests: OpenRequest[],
    payload: Record<string, unknown> = {},
    more: Partial<SessionState> = {},
  ): Promise<void> {
    const state = liveSession({ laneId: this.#laneId, threadId: 't', threadStored: true, requests, ...more })
    const draft = { type, ...this.#context(), payload: sampleEvent(type, payload).payload, state } as Draft<'session'>
    await this.#sessions.transact(this.#laneId, () => draft)
  }

  openRequest(approvalId: string): OpenRequest {
    return openRequest(approvalId, { threadId: 't', turnId: 'turn', itemId: null })
  }

  /** Codex asks for a decision while these other requests are open. */
  async raise(approvalId: string, others: OpenRequest[] = [], request: Record<string, unknown> = { command: 'ls' }): Promise<void> {
    const open = this.openRequest(approvalId)
    await this.appendSession('lane.session.request.raised', [...others, open], {
      ...open,
      reason: 'Run it?',
      request,
      availableDecisions: ['approve', 'deny'],
    })
  }

  async list(service: Lists): Promise<Approval[]> {
    return (await service.list({ laneId: this.#laneId })).approvals
  }

  async untilPending(service: Lists, count: number): Promise<void> {
    const pending = async () => (await this.list(service)).filter(({ status }) => status === 'pending')
    await waitFor(async () => (await pending()).length === count, { timeoutMs: 15_000, describe: `${count} pending approvals` })
  }

  /** Types of the lane's approval events, in order. */
  async history(): Promise<string[]> {
    const { lastSeq } = await this.log.extent()
    const types: string[] = []
    for await (const raw of readRange(this.bus, { from: 1, to: lastSeq, filter: subjects.event(this.#laneId, 'approval') })) {
      types.push(decodeEvent(raw.bytes, raw.seq).event?.type ?? '?')
    }
    return types
  }

  /** A service that does not lead. */
  service(expirySec = 0): ApprovalService {
    return new ApprovalService(this.#serviceContext(expirySec))
  }

  /** Starts a service that leads. */
  lead(expirySec = 0): RunningService {
    const context = this.#serviceContext(expirySec)
    const ending = new AbortController()
    const leading = new ApprovalLeader(context).lead(ending.signal)
    return {
      service: new ApprovalService(context),
      stop: async () => {
        ending.abort()
        await leading
      },
    }
  }

  async startProcess(instance: string, env: Record<string, string> = {}): Promise<ManagedProcess> {
    const started = await startProcess({
      command: process.execPath,
      args: [MAIN],
      name: instance,
      env: { NATS_URL: this.#broker.nats.url, BRIDGE_INSTANCE: instance, ...env },
      readyWhen: (output) => output.includes('"msg":"ready"'),
    })
    this.processes.push(started)
    return started
  }

  /** Calls whichever process answers, as the gateway does. */
  ask<V extends ServiceVerb>(verb: V, request: RequestOf<V>): Promise<ReplyOf<V>> {
    return this.bus.call(verb, request, { timeoutMs: 10_000, resendMs: RESEND_MS })
  }

  #serviceContext(expirySec: number) {
    const approvals = new AggregateStore(this.log, 'approval', stampEvent)
    return { bus: this.bus, log: this.log, approvals, logger: createLogger('test', 'test', 'silent'), expirySec }
  }

  #context() {
    return { laneId: this.#laneId, threadId: 't', sessionId: this.#laneId }
  }
}
