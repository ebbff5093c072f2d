import { randomBytes } from 'node:crypto'
import { type Api, pollUntil } from '@codex-bridge/local'
import type { CheckReport } from './check-report.ts'
import { expect, field, listOf, textAt } from './expectation.ts'
import type { HookReceiver } from './hook-receiver.ts'
import type { SmokeTarget } from './smoke-target.ts'

/** Who answers prompts: directives of the scripted model, a real model that is asked on purpose, or nobody. */
export type Model = { kind: 'scripted' | 'real' } | { kind: 'none'; why: string }

/** Made by the test, and taken away by it: nothing else may be. */
export type Traces = { lanes: Set<string>; webhooks: Set<string>; threads: Set<string> }

const WAIT_MS = 30_000

/** What every flow works with. */
export class SmokeContext {
  readonly target: SmokeTarget
  readonly api: Api
  readonly receiver: HookReceiver
  readonly journal: CheckReport
  /** Begins the name of everything this run makes; lanes of smoke tests are synthetic to a cleanup. */
  readonly prefix = `smoke-${randomBytes(4).toString('hex')}`
  readonly made: Traces = { lanes: new Set(), webhooks: new Set(), threads: new Set() }
  model: Model = { kind: 'none', why: 'not known yet' }

  constructor(parts: { target: SmokeTarget; api: Api; receiver: HookReceiver; journal: CheckReport }) {
    this.target = parts.target
    this.api = parts.api
    this.receiver = parts.receiver
    this.journal = parts.journal
  }

  /** Id of a lane of this run. Noted before the lane exists: a request without an answer may have made it. */
  laneId(name: string): string {
    const laneId = `${this.prefix}-${name}`
    this.made.lanes.add(laneId)
    return laneId
  }

  /** The working folder for bodies, where there is one. */
  get folder(): { repoRoot?: string } {
    return this.target.repoRoot === undefined ? {} : { repoRoot: this.target.repoRoot }
  }

  /** Sends a request that has to succeed. @throws Error with the answer otherwise */
  async send(method: Parameters<Api>[0], path: string, status: number, body?: unknown): Promise<unknown> {
    const answer = await this.api(method, path, body)
    if (answer.status !== status) throw new Error(`${method} ${path} answered ${answer.status}: ${JSON.stringify(answer.body)}`)
    return answer.body
  }

  async startVisible(body: { laneId: string } & Record<string, unknown>): Promise<{ answer: unknown; threadId: string }> {
    const answer = await this.send('POST', '/codex/workflows/start-visible', 201, body)
    const threadId = textAt(answer, 'thread', 'id')
    this.made.threads.add(threadId)
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

  /** The end of the turn that a receipt names. @throws Error when the turn ended more than once */
  async untilTurnEnds(laneId: string, turnId: string): Promise<unknown> {
    const ends = async (): Promise<unknown[]> =>
      (await this.events(laneId)).filter((event) => field(event, 'type') === 'lane.turn.completed' && field(event, 'turnId') === turnId)
    const found = await this.until(ends, (events) => events.length > 0, `the end of turn ${turnId}`)
    expect(found.length === 1, found)
    return found[0]
  }

  /** Reads again until it is as wanted, but not for ever. */
  async until<T>(read: () => Promise<T>, wanted: (value: T) => boolean, what: string): Promise<T> {
    return await pollUntil(read, wanted, what, WAIT_MS)
  }
}
