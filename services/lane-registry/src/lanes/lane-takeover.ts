import { AggregateStore, type EventLog } from '@codex-bridge/bus'
import { BridgeError, type Lane, type LaneCreate, type Registry, type RequestOf, type StartVisibleResult } from '@codex-bridge/contracts'
import { laneIdOfCommand, stampEvent, stepId } from '@codex-bridge/service-kit'
import type { LaneProjection } from '../projection/lane-projection.ts'
import type { SessionClient } from '../sessions/session-client.ts'
import type { SessionLifecycle } from '../sessions/session-lifecycle.ts'
import type { ThreadService } from '../threads/thread-service.ts'
import type { ThreadFacts } from '../threads/thread-snapshot.ts'
import { takenFacts } from '../threads/thread-takeover.ts'
import type { RunnerSurvey } from '../watch/runner-survey.ts'
import { decideFacts } from './lane-decider.ts'
import type { LaneQueries } from './lane-queries.ts'
import { commandOf, type LaneService } from './lane-service.ts'
import { isLive } from './lane-view.ts'

/** Deadline for handing a kickoff prompt to a live session, in milliseconds. */
const PROMPT_TIMEOUT_MS = 30_000

export type LaneTakeoverOptions = {
  log: EventLog
  queries: LaneQueries
  projection: LaneProjection
  lanes: LaneService
  lifecycle: SessionLifecycle
  sessions: SessionClient
  threads: ThreadService
  survey: RunnerSurvey
}

/** Commands that join a lane with a thread of Codex. Each may be repeated with its command id. */
export class LaneTakeover {
  readonly #options: LaneTakeoverOptions
  readonly #lanes: AggregateStore<'lane'>

  constructor(options: LaneTakeoverOptions) {
    this.#options = options
    this.#lanes = new AggregateStore(options.log, 'lane', stampEvent)
  }

  /** The one-shot workflow: lane, session, thread, and the kickoff turn if there is a prompt. */
  async startVisible({ commandId, body }: RequestOf<typeof Registry.startVisible>): Promise<StartVisibleResult> {
    const { kickoffPrompt, ...laneBody } = body
    const taken = body.threadId === undefined ? undefined : await takenFacts(body.threadId, this.#options.threads, this.#options.survey)
    if (taken) {
      assertSurface(body, taken)
      this.#assertFree(body.threadId as string, body.laneId ?? laneIdOfCommand(commandId))
    }
    const { laneId } = await this.#options.lanes.open(commandId, laneBody, body)
    if (taken) await this.#facts(laneId, commandId, taken, 'lane.attached')
    const live = await this.#options.lifecycle.start(await this.#options.lanes.existing(laneId), stepId(commandId, 'session'))
    const turn =
      kickoffPrompt === undefined
        ? undefined
        : await this.#options.sessions.kickOff(laneId, stepId(commandId, 'kickoff'), kickoffPrompt, PROMPT_TIMEOUT_MS)
    if (kickoffPrompt !== undefined && !turn) throw new BridgeError('codex_unavailable', 'The session ended before the kickoff prompt')
    const seq = Math.max(live.seq, turn?.seq ?? 0)
    const [lane, session] = await Promise.all([this.#options.queries.lane(laneId, seq), this.#options.queries.session(laneId, seq)])
    if (!live.thread) throw new BridgeError('codex_error', 'The session has no thread')
    // A thread that is not loaded yet is described by what was read of it.
    const thread = session.readinessDeferred && taken ? { id: live.thread.id, name: taken.title, cwd: taken.cwd } : live.thread
    return { lane, session, thread, turn: turn === undefined || 'skipped' in turn ? null : turn }
  }

  /**
   * Makes a lane of an existing thread. Nothing is run: the session starts with the first prompt or by command.
   * @throws BridgeError `thread_not_found`, `readiness_blocked` (another surface than required), `lane_attached_elsewhere`
   */
  async attach({ commandId, body }: RequestOf<typeof Registry.attach>): Promise<Lane> {
    const facts = await takenFacts(body.threadId, this.#options.threads, this.#options.survey)
    assertSurface(body, facts)
    this.#assertFree(body.threadId, body.laneId ?? laneIdOfCommand(commandId))
    const { laneId } = await this.#options.lanes.open(commandId, body, body)
    return await this.#facts(laneId, commandId, facts, 'lane.attached')
  }

  /** Refreshes what the lane says of its thread. @throws BridgeError `thread_not_found` when it has none */
  async sync({ commandId, laneId }: RequestOf<typeof Registry.syncLane>): Promise<Lane> {
    const { threadId } = await this.#options.lanes.existing(laneId)
    if (threadId === null) throw new BridgeError('thread_not_found', `Lane ${laneId} has no thread`)
    return await this.#facts(laneId, commandId, await this.#options.threads.facts(threadId), 'lane.synced')
  }

  async #facts(laneId: string, commandId: string, facts: ThreadFacts, type: 'lane.attached' | 'lane.synced'): Promise<Lane> {
    const command = commandOf(type, stepId(commandId, type), { laneId })
    const { version } = await this.#lanes.transact(laneId, (current) => decideFacts(current, laneId, facts, command, type))
    return await this.#options.queries.lane(laneId, version.seq)
  }

  /** Two lanes may know a thread, but only one at a time may have it live. @throws BridgeError `lane_attached_elsewhere` */
  #assertFree(threadId: string, laneId: string): void {
    const holder = this.#options.projection
      .all()
      .find(({ lane, session }) => lane.laneId !== laneId && isLive(session) && session?.threadId === threadId)
    if (holder) {
      const details = { laneId: holder.lane.laneId, threadId }
      throw new BridgeError('lane_attached_elsewhere', `Lane ${holder.lane.laneId} has a live session on ${threadId}`, { details })
    }
  }
}

/** @throws BridgeError `readiness_blocked` when the thread is of another surface than the one that is required */
const assertSurface = (
  { preferredSurface, requirePreferredSurface }: Pick<LaneCreate, 'preferredSurface' | 'requirePreferredSurface'>,
  facts: ThreadFacts,
): void => {
  if (!requirePreferredSurface || preferredSurface === undefined || preferredSurface === 'any' || facts.surface === preferredSurface) return
  const details = { reason: 'surface_mismatch', preferredSurface, surface: facts.surface }
  throw new BridgeError('readiness_blocked', `The thread is of surface ${facts.surface}, ${preferredSurface} is required`, { details })
}
