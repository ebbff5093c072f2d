import { randomUUID } from 'node:crypto'
import type { EventEnvelope } from '@codex-bridge/contracts'
import { type ApiClient, api, connectSse, type SseClient, type SseEvent } from '@codex-bridge/testkit'

const TURN_TIMEOUT_MS = 20_000

export type ReceivedEvent = { event: EventEnvelope; receivedAt: number }

const isEvent = (data: unknown): data is EventEnvelope => typeof data === 'object' && data !== null && 'type' in data && 'payload' in data

/** What a user of the bridge has: HTTP over keep-alive connections, and one event stream that was opened before. */
export class BridgeClient {
  readonly #api: ApiClient
  readonly #stream: SseClient

  private constructor(client: ApiClient, stream: SseClient) {
    this.#api = client
    this.#stream = stream
  }

  /** @param laneIds whose events the stream carries */
  static async connect(baseUrl: string, laneIds: readonly string[]): Promise<BridgeClient> {
    const query = laneIds.map((laneId) => `laneId=${laneId}`).join('&')
    return new BridgeClient(api(baseUrl), await connectSse(`${baseUrl}/events/stream?${query}`))
  }

  /** Makes a lane with a live session. */
  async startLane(laneId: string, repoRoot: string): Promise<void> {
    await this.#post('/codex/workflows/start-visible', { laneId, repoRoot }, randomUUID())
  }

  /** Makes a lane without a session. */
  async createLane(laneId: string): Promise<void> {
    await this.#post('/lanes', { laneId }, randomUUID())
  }

  /** Text of a lane as the API answers it. */
  async laneText(laneId: string): Promise<string> {
    const { status, text } = await this.#api.get(`/lanes/${laneId}`)
    if (status !== 200) throw new Error(`GET /lanes/${laneId} answered ${status}: ${text.slice(0, 200)}`)
    return text
  }

  /** Runs a turn; resolves with the milliseconds from sending the prompt to `lane.turn.completed` on the stream. */
  async turn(laneId: string, prompt: string): Promise<number> {
    const commandId = randomUUID()
    const startedAt = performance.now()
    const [end] = await Promise.all([
      this.#stream.waitFor((received) => isEndOf(received, commandId), TURN_TIMEOUT_MS),
      this.#post(`/lanes/${laneId}/prompt`, { input: prompt }, commandId),
    ])
    const { payload } = end.data as EventEnvelope
    if (payload['status'] !== 'completed') throw new Error(`a turn of the bridge ended as ${String(payload['status'])}`)
    return end.receivedAt - startedAt
  }

  /** The events that came so far, which are then forgotten: waiting looks through what is kept. */
  take(): ReceivedEvent[] {
    return this.#stream.events.splice(0).flatMap(({ data, receivedAt }) => (isEvent(data) ? [{ event: data, receivedAt }] : []))
  }

  close(): void {
    this.#stream.close()
    this.#api.close()
  }

  async #post(path: string, body: unknown, commandId: string): Promise<void> {
    const { status, text } = await this.#api.post(path, body, { 'idempotency-key': commandId })
    if (status >= 300) throw new Error(`POST ${path} answered ${status}: ${text.slice(0, 300)}`)
  }
}

const isEndOf = ({ data }: SseEvent, commandId: string): boolean =>
  isEvent(data) && data.type === 'lane.turn.completed' && data.commandId === commandId
