import { randomBytes } from 'node:crypto'
import { poll } from '@codex-bridge/platform'
import type { ApiClient, WebhookReceiver } from '@codex-bridge/testkit'
import type { CheckReport } from './check-report.ts'
import { expect, field, listOf, textAt } from './expectation.ts'
import type { SmokeTarget } from './smoke-target.ts'

/** What answers prompts: the scripted model by directives, a real model that was asked for, or nothing. */
export type Model = { kind: 'scripted' | 'real' } | { kind: 'none'; why: string }

/** Created by this run and removed by it; nothing else may be. */
export type Created = { lanes: Set<string>; webhooks: Set<string>; threads: Set<string> }

const WAIT_MS = 30_000
const POLL_MS = 100

/** Shared by all flows of a run. */
export class SmokeContext {
  readonly target: SmokeTarget
  readonly api: ApiClient
  readonly receiver: WebhookReceiver
  readonly report: CheckReport
  /** Prefix of every name this run creates; lanes named so count as synthetic in a cleanup. */
  readonly prefix = `smoke-${randomBytes(4).toString('hex')}`
  readonly created: Created = { lanes: new Set(), webhooks: new Set(), threads: new Set() }
  model: Model = { kind: 'none', why: 'not known yet' }

  constructor(parts: { target: SmokeTarget; api: ApiClient; receiver: WebhookReceiver; report: CheckReport }) {
    this.target = parts.target
    this.api = parts.api
    this.receiver = parts.receiver
    this.report = parts.report
  }

  /** Id of a lane of this run. Recorded before the lane exists: a request without an answer may have created it. */
  laneId(name: string): string {
    const laneId = `${this.prefix}-${name}`
    this.created.lanes.add(laneId)
    return laneId
  }

  /** The working folder for request bodies, if there is one. */
  get folder(): { repoRoot?: string } {
    return this.target.repoRoot === undefined ? {} : { repoRoot: this.target.repoRoot }
  }

  /** Sends a request and returns its body. @throws Error with the answer if its status is another */
  async send(method: 'GET' | 'POST' | 'PATCH' | 'DELETE', path: string, status: number, body?: unknown): Promise<unknown> {
    const answer = await this.api.request(method, path, body)
    if (answer.status !== status) throw new Error(`${method} ${path} answered ${answer.status}: ${JSON.stringify(answer.body)}`)
    return answer.body
  }

  async startVisible(body: { laneId: string } & Record<string, unknown>): Promise<{ answer: unknown; threadId: string }> {
    const answer = await this.send('POST', '/codex/workflows/start-visible', 201, body)
    const threadId = textAt(answer, 'thread', 'id')
    this.created.threads.add(threadId)
    expect(field(answer, 'lane', 'laneId') === body.laneId && field(answer, 'session', 'running') === true, answer)
    return { answer, threadId }
  }

  async untilStatus(laneId: string, ...statuses: string[]): Promise<unknown> {
    const read = (): Promise<unknown> => this.send('GET', `/lanes/${laneId}`, 200)
    const ends = (lane: unknown): boolean => statuses.includes(String(field(lane, 'status')))
    return await this.until(read, ends, `lane ${laneId} to be ${statuses.join(' or ')}`)
  }

  async events(laneId: string, after = 0): Promise<unknown[]> {
    return listOf(await this.send('GET', `/lanes/${laneId}/events?limit=1000&after=${after}`, 200), 'events')
  }

  /** The completion event of a turn. @throws Error if the turn completed more than once */
  async untilTurnEnds(laneId: string, turnId: string): Promise<unknown> {
    const ends = async (): Promise<unknown[]> =>
      (await this.events(laneId)).filter((event) => field(event, 'type') === 'lane.turn.completed' && field(event, 'turnId') === turnId)
    const found = await this.until(ends, (events) => events.length > 0, `the end of turn ${turnId}`)
    expect(found.length === 1, found)
    return found[0]
  }

  /** Reads until the value is as wanted. @throws Error with the last value after 30 seconds */
  async until<T>(read: () => Promise<T>, isWanted: (value: T) => boolean, what: string): Promise<T> {
    let last: { value: T } | undefined
    const probe = async (): Promise<{ value: T } | undefined> => {
      last = { value: await read() }
      return isWanted(last.value) ? last : undefined
    }
    const found = await poll(probe, { timeoutMs: WAIT_MS, everyMs: POLL_MS })
    if (!found) throw new Error(`${what} took longer than ${WAIT_MS / 1000} s; last: ${JSON.stringify(last?.value)}`)
    return found.value
  }
}
