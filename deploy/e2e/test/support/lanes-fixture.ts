import type {
  Approval,
  ErrorBody,
  EventEnvelope,
  Lane,
  LaneStatus,
  Session,
  StartVisible,
  StartVisibleResult,
  TurnReceipt,
} from '@codex-bridge/contracts'
import { type ApiResponse, waitFor } from '@codex-bridge/testkit'
import { expect } from 'vitest'
import { SLOW_MS } from './bridge-environment.ts'
import type { BridgeFixture } from './bridge-fixture.ts'

/** A body that may also be an error. */
export type Answer<T> = ApiResponse<T & Partial<ErrorBody>>

export type EventWish = {
  /** Only events after this sequence. */
  after?: number
  where?: (event: EventEnvelope) => boolean
  timeoutMs?: number
}

const keyed = (key: string | undefined) => (key === undefined ? {} : { 'idempotency-key': key })

/** The lane API, in the terms of the tests. */
export class Lanes {
  readonly #fixture: BridgeFixture

  constructor(fixture: BridgeFixture) {
    this.#fixture = fixture
  }

  /** Calls start-visible with a separate folder for the lane. */
  async start(laneId: string, body: StartVisible = {}, key?: string): Promise<StartVisibleResult> {
    const whole = { laneId, repoRoot: this.#fixture.workspace(laneId), ...body }
    const answer = await this.#fixture.http.post<StartVisibleResult>('/codex/workflows/start-visible', whole, keyed(key))
    expect(answer.status, answer.text).toBe(201)
    return answer.body
  }

  /** Sends a command to a lane, with an Idempotency-Key if one is given. */
  post<T>(laneId: string, what: string, body: unknown = {}, key?: string, timeoutMs = SLOW_MS): Promise<Answer<T>> {
    const headers = { 'content-type': 'application/json', ...keyed(key) }
    return this.#fixture.http.raw('POST', `/lanes/${laneId}/${what}`, { headers, body: JSON.stringify(body), timeoutMs })
  }

  /** Sends a prompt and expects it to be accepted. */
  async prompt(laneId: string, input: string, key?: string): Promise<TurnReceipt> {
    const answer = await this.post<TurnReceipt>(laneId, 'prompt', { input }, key)
    expect(answer.status, answer.text).toBe(202)
    expect(answer.body.status).toBe('inProgress')
    return answer.body
  }

  /** Sends a prompt and waits for the end of its turn. */
  async turn(laneId: string, input: string, timeoutMs = SLOW_MS): Promise<EventEnvelope> {
    const { commandId } = await this.prompt(laneId, input)
    return await this.completion(laneId, commandId, { timeoutMs })
  }

  /** Waits for the end of the turn that a command started. */
  completion(laneId: string, commandId: string, wish: EventWish = {}): Promise<EventEnvelope> {
    return this.until(laneId, 'lane.turn.completed', { ...wish, where: (event) => event.commandId === commandId })
  }

  async lane(laneId: string): Promise<Lane> {
    return (await this.#read<Lane>(`/lanes/${laneId}`)).body
  }

  async session(laneId: string): Promise<Session> {
    return (await this.#read<Session>(`/lanes/${laneId}/session/status`)).body
  }

  async approvals(laneId: string): Promise<Approval[]> {
    return (await this.#read<{ approvals: Approval[] }>(`/lanes/${laneId}/approvals`)).body.approvals
  }

  /** Every event of a lane, page by page. */
  async events(laneId: string, types = '*', after = 0): Promise<EventEnvelope[]> {
    const events: EventEnvelope[] = []
    for (let cursor: string | null = String(after); cursor !== null; ) {
      const path: string = `/lanes/${laneId}/events?limit=1000&after=${cursor}&types=${types}`
      const { body }: ApiResponse<{ events: EventEnvelope[]; nextCursor: string | null }> = await this.#read(path)
      events.push(...body.events)
      cursor = body.nextCursor
    }
    return events
  }

  /** Waits for an event of a lane. */
  until(laneId: string, type: string, { after = 0, where = () => true, timeoutMs = SLOW_MS }: EventWish = {}): Promise<EventEnvelope> {
    let read = after
    const find = async () => {
      const events = await this.events(laneId, '*', read)
      read = events.at(-1)?.seq ?? read
      return events.find((event) => event.type === type && where(event))
    }
    return waitFor(find, { timeoutMs, intervalMs: 50, describe: `${type} on ${laneId}` })
  }

  /** Waits until the lane has a status, and returns the lane. */
  untilStatus(laneId: string, ...statuses: LaneStatus[]): Promise<Lane> {
    const look = async () => {
      const lane = await this.lane(laneId)
      if (!statuses.includes(lane.status)) throw new Error(`it is ${lane.status}: ${JSON.stringify(lane.statusReason)}`)
      return lane
    }
    return waitFor(look, { timeoutMs: SLOW_MS, intervalMs: 50, describe: `${laneId} to be ${statuses.join(' or ')}` })
  }

  /** Waits until the lane matches; views follow the log with a short delay. */
  untilShown(laneId: string, wanted: Partial<Lane>): Promise<Lane> {
    const look = async () => {
      const lane = await this.lane(laneId)
      expect(lane).toMatchObject(wanted)
      return lane
    }
    return waitFor(look, { timeoutMs: SLOW_MS, intervalMs: 50, describe: `${laneId} to show ${JSON.stringify(wanted)}` })
  }

  /** Waits for the pending approval of a lane. */
  untilAsked(laneId: string, count = 1): Promise<Approval[]> {
    const look = async () => {
      const pending = (await this.approvals(laneId)).filter(({ status }) => status === 'pending')
      return pending.length === count && pending
    }
    return waitFor(look, { timeoutMs: SLOW_MS, intervalMs: 50, describe: `${count} pending approvals of ${laneId}` })
  }

  async #read<T>(path: string): Promise<ApiResponse<T>> {
    const answer = await this.#fixture.http.get<T>(path)
    expect(answer.status, `${path}: ${answer.text}`).toBe(200)
    return answer
  }
}
