import { AggregateStore, type EventLog } from '@codex-bridge/bus'
import {
  BridgeError,
  type CleanupResult,
  type Lane,
  type LaneCreate,
  type LaneState,
  type Registry,
  type RequestOf,
  type Session,
  type SessionReply,
  type StartVisibleResult,
  type StatusReason,
  type WorktreeOutcome,
  type WorktreePlan,
} from '@codex-bridge/contracts'
import { fingerprint, type Logger, laneIdOfCommand, stampEvent, stepId } from '@codex-bridge/service-kit'
import type { LaneProjector } from '../projection/lane-projector.ts'
import type { SessionClient } from '../sessions/session-client.ts'
import type { ThreadService } from '../threads/thread-service.ts'
import type { ThreadFacts } from '../threads/thread-snapshot.ts'
import { takenFacts } from '../threads/thread-takeover.ts'
import type { RunnerSurvey } from '../watch/runner-survey.ts'
import { planCleanup } from './lane-cleanup.ts'
import {
  type Command,
  decideCorrection,
  decideCreate,
  decideDebugCompletion,
  decideDelete,
  decideFacts,
  knownCommand,
} from './lane-decider.ts'
import type { LaneQueries } from './lane-queries.ts'
import { isLive } from './lane-view.ts'
import { LaneWorktrees } from './lane-worktrees.ts'
import { assertWorktreeRequest } from './worktree-decider.ts'

/** Deadline for handing a kickoff prompt to a live session, in milliseconds. */
const PROMPT_TIMEOUT_MS = 30_000

const now = (): string => new Date().toISOString()

/** The commands of lanes and what they do to sessions. Every one may be repeated with its command id. */
export class LaneService {
  readonly #lanes: AggregateStore<'lane'>
  readonly #reader: LaneQueries
  readonly #projector: LaneProjector
  readonly #sessions: SessionClient
  readonly #worktrees: LaneWorktrees
  readonly #logger: Logger
  /** Starts under way, so that two commands for one lane share one start. */
  readonly #starting = new Map<string, Promise<SessionReply>>()

  constructor(log: EventLog, reader: LaneQueries, projector: LaneProjector, sessions: SessionClient, logger: Logger) {
    this.#lanes = new AggregateStore(log, 'lane', stampEvent)
    this.#reader = reader
    this.#projector = projector
    this.#sessions = sessions
    this.#worktrees = new LaneWorktrees(log, projector, sessions)
    this.#logger = logger
  }

  async create({ commandId, body }: RequestOf<typeof Registry.createLane>): Promise<Lane> {
    const { laneId, seq } = await this.#create(commandId, body, body)
    return await this.#reader.lane(laneId, seq)
  }

  /**
   * Stops the session, if one lives, gives up the worktree that the bridge made, and then deletes.
   * @returns the sequence of the deletion, and what became of the worktree
   */
  async delete({
    commandId,
    laneId,
  }: RequestOf<typeof Registry.deleteLane>): Promise<{ laneId: string; seq: number; worktree?: WorktreeOutcome }> {
    const command = this.#command('delete-lane', commandId, { laneId })
    const { state } = await this.#lanes.load(laneId)
    if (state && !state.deleted) await this.#stop(state, stepId(commandId, 'stop'))
    const worktree = state?.worktree ? await this.#worktrees.giveUp(state, commandId) : undefined
    const { version } = await this.#lanes.transact(laneId, (current) => decideDelete(current, laneId, command, worktree))
    // The answer has no body to carry a sequence to read by: whoever asks next must not see the lane.
    await this.#reader.caughtUp(version.seq)
    return { laneId, seq: version.seq, ...(worktree && { worktree }) }
  }

  /** Brings the lane's session up: answers the live one, claims a runner, or recovers a session whose owner is gone. */
  async startSession({ commandId, laneId }: RequestOf<typeof Registry.startSession>): Promise<Session> {
    const { seq } = await this.#start(await this.#existing(laneId), commandId)
    return await this.#reader.session(laneId, seq)
  }

  async stopSession({ commandId, laneId }: RequestOf<typeof Registry.stopSession>): Promise<Session> {
    const seq = await this.#stop(await this.#existing(laneId), commandId)
    return await this.#reader.session(laneId, seq)
  }

  /** The one-shot workflow: lane, session, thread, and the kickoff turn if there is a prompt. */
  async startVisible(
    { commandId, body }: RequestOf<typeof Registry.startVisible>,
    threads: ThreadService,
    survey: RunnerSurvey,
  ): Promise<StartVisibleResult> {
    const { kickoffPrompt, ...laneBody } = body
    const taken = body.threadId === undefined ? undefined : await takenFacts(body.threadId, threads, survey)
    if (taken) {
      assertSurface(body, taken)
      this.#assertFree(body.threadId as string, body.laneId ?? laneIdOfCommand(commandId))
    }
    const { laneId } = await this.#create(commandId, laneBody, body)
    if (taken) await this.#facts(laneId, commandId, taken, 'lane.attached')
    const live = await this.#start(await this.#existing(laneId), stepId(commandId, 'session'))
    const turn =
      kickoffPrompt === undefined
        ? undefined
        : await this.#sessions.kickOff(laneId, stepId(commandId, 'kickoff'), kickoffPrompt, PROMPT_TIMEOUT_MS)
    if (kickoffPrompt !== undefined && !turn) throw new BridgeError('codex_unavailable', 'The session ended before the kickoff prompt')
    const seq = Math.max(live.seq, turn?.seq ?? 0)
    const [lane, session] = await Promise.all([this.#reader.lane(laneId, seq), this.#reader.session(laneId, seq)])
    if (!live.thread) throw new BridgeError('codex_error', 'The session has no thread')
    // A thread that is not loaded yet is described by what was read of it.
    const thread = session.readinessDeferred && taken ? { id: live.thread.id, name: taken.title, cwd: taken.cwd } : live.thread
    return { lane, session, thread, turn: turn === undefined || 'skipped' in turn ? null : turn }
  }

  /**
   * Makes a lane of an existing thread. Nothing is run: the session starts with the first prompt or by command.
   * @throws BridgeError `thread_not_found`, `readiness_blocked` (another surface than required), `lane_attached_elsewhere`
   */
  async attach({ commandId, body }: RequestOf<typeof Registry.attach>, threads: ThreadService, survey: RunnerSurvey): Promise<Lane> {
    const facts = await takenFacts(body.threadId, threads, survey)
    assertSurface(body, facts)
    this.#assertFree(body.threadId, body.laneId ?? laneIdOfCommand(commandId))
    const { laneId } = await this.#create(commandId, body, body)
    return await this.#facts(laneId, commandId, facts, 'lane.attached')
  }

  /** Refreshes what the lane says of its thread. @throws BridgeError `thread_not_found` when it has none */
  async sync({ commandId, laneId }: RequestOf<typeof Registry.syncLane>, threads: ThreadService): Promise<Lane> {
    const { threadId } = await this.#existing(laneId)
    if (threadId === null) throw new BridgeError('thread_not_found', `Lane ${laneId} has no thread`)
    return await this.#facts(laneId, commandId, await threads.facts(threadId), 'lane.synced')
  }

  /** Deletes lanes that are over, or only says which. One that fails is reported and does not stop the rest. */
  async cleanup({ commandId, body }: RequestOf<typeof Registry.cleanup>): Promise<CleanupResult> {
    const dryRun = body.dryRun ?? true
    const lanes = planCleanup(this.#projector.all(), body, Date.now())
    if (!dryRun) {
      for (const lane of lanes) {
        if (lane.action !== 'would_delete') continue
        try {
          const { worktree } = await this.delete({ commandId: stepId(commandId, lane.laneId), laneId: lane.laneId })
          lane.action = 'deleted'
          if (worktree) lane.worktree = worktree
        } catch (error) {
          lane.action = 'kept'
          lane.reason = BridgeError.from(error).message
        }
      }
    }
    return { dryRun, matched: lanes.length, deleted: lanes.filter(({ action }) => action === 'deleted').length, lanes }
  }

  /** Marks a lane done by hand. */
  async debugComplete({ commandId, body }: RequestOf<typeof Registry.debugComplete>): Promise<Lane> {
    const command = this.#command('debug-complete', commandId, body)
    const { version } = await this.#lanes.transact(body.laneId, (current) =>
      decideDebugCompletion(current, body.laneId, body.note ?? null, command),
    )
    return await this.#reader.lane(body.laneId, version.seq)
  }

  /** Says in the log that a session's owner is gone and resumes by policy. Used by the reconciler. */
  async recover(lane: LaneState): Promise<void> {
    // It looks again soon by itself, so it does not wait for a runner.
    await this.#once(lane.laneId, () => this.#sessions.recover(lane, `recover:${lane.incarnation}:${Date.now()}`, 0))
  }

  /** Corrects a status that no session stands behind. */
  async correct(laneId: string, status: 'idle' | 'blocked' | 'interrupted', reason: StatusReason): Promise<void> {
    await this.#lanes.transact(laneId, (version) => decideCorrection(version, status, reason, now()))
  }

  async #create(commandId: string, body: LaneCreate, fingerprinted: unknown): Promise<{ laneId: string; seq: number }> {
    const laneId = body.laneId ?? laneIdOfCommand(commandId)
    const command = this.#command('create-lane', commandId, fingerprinted)
    const { id } = stampEvent()
    const plan = await this.#plan(laneId, body, command)
    const { version } = await this.#lanes.transact(laneId, (current) => decideCreate(current, laneId, body, id, command, plan))
    const { state, seq } = version
    if (state?.worktree?.state !== 'requested' || state.deleted) return { laneId, seq }
    const made = await this.#worktrees.ensure(state, commandId).catch(async (error: unknown) => {
      await this.#shown(laneId)
      throw error
    })
    return { laneId, seq: Math.max(seq, made.seq) }
  }

  /** The worktree a new lane is to have; undefined where it has none, or the lane is there already. */
  async #plan(laneId: string, body: LaneCreate, command: Command): Promise<WorktreePlan | undefined> {
    assertWorktreeRequest(body)
    if (body.worktree !== true) return
    const { state } = await this.#lanes.load(laneId)
    return (state && !state.deleted) || knownCommand(state, command) ? undefined : await this.#worktrees.plan(laneId, body)
  }

  async #facts(laneId: string, commandId: string, facts: ThreadFacts, type: 'lane.attached' | 'lane.synced'): Promise<Lane> {
    const command = this.#command(type, stepId(commandId, type), { laneId })
    const { version } = await this.#lanes.transact(laneId, (current) => decideFacts(current, laneId, facts, command, type))
    return await this.#reader.lane(laneId, version.seq)
  }

  /** Two lanes may know a thread, but only one at a time may have it live. */
  #assertFree(threadId: string, laneId: string): void {
    const holder = this.#projector
      .all()
      .find(({ lane, session }) => lane.laneId !== laneId && isLive(session) && session?.threadId === threadId)
    if (holder) {
      const details = { laneId: holder.lane.laneId, threadId }
      throw new BridgeError('lane_attached_elsewhere', `Lane ${holder.lane.laneId} has a live session on ${threadId}`, { details })
    }
  }

  async #existing(laneId: string): Promise<LaneState> {
    const { state } = await this.#lanes.load(laneId)
    if (!state || state.deleted) throw new BridgeError('lane_not_found', `No lane ${laneId}`)
    return state
  }

  async #start(lane: LaneState, commandId: string): Promise<SessionReply> {
    return await this.#once(lane.laneId, async () => {
      const live = await this.#sessions.status(lane.laneId)
      if (live) return live
      const { session } = await this.#reader.aggregates(lane.laneId)
      const ownerGone = session?.incarnation === lane.incarnation && (isLive(session) || session.phase === 'lost')
      try {
        const { lane: ready } = await this.#worktrees.ensure(lane, commandId)
        // A runner that is told not to resume only settles the loss; who asks for a start means it.
        const recovered = ownerGone ? await this.#sessions.recover(lane, commandId) : undefined
        return recovered?.session.phase === 'live' ? recovered : await this.#sessions.claim(ready, commandId)
      } catch (error) {
        if (error instanceof BridgeError && error.code === 'no_runner') {
          await this.correct(lane.laneId, 'blocked', { code: 'no_runner', message: error.message })
        }
        await this.#shown(lane.laneId)
        throw error
      }
    })
  }

  /** Waits until reads show what the log has of a lane: whoever is refused may look at once for the reason. */
  async #shown(laneId: string): Promise<void> {
    try {
      await this.#reader.lane(laneId, (await this.#reader.aggregates(laneId)).seq)
    } catch (error) {
      this.#logger.warn({ laneId, err: error }, 'refused before the reason is shown')
    }
  }

  /** @returns the sequence of the last thing that happened */
  async #stop(lane: LaneState, commandId: string): Promise<number> {
    const stopped = await this.#sessions.stop(lane.laneId, commandId)
    if (stopped) return stopped.seq
    const { session, seq } = await this.#reader.aggregates(lane.laneId)
    if (session?.incarnation !== lane.incarnation || !isLive(session)) return seq
    // The owner is gone without a word: bring the log up to date first, then stop what the recovery may have resumed.
    this.#logger.warn({ laneId: lane.laneId }, 'stop of a session whose owner is gone')
    const recovered = await this.#once(lane.laneId, () => this.#sessions.recover(lane, stepId(commandId, 'recover')))
    return (await this.#sessions.stop(lane.laneId, commandId))?.seq ?? recovered.seq
  }

  async #once(laneId: string, start: () => Promise<SessionReply>): Promise<SessionReply> {
    const underWay = this.#starting.get(laneId)
    if (underWay) return await underWay
    const run = start().finally(() => this.#starting.delete(laneId))
    this.#starting.set(laneId, run)
    return await run
  }

  #command(verb: string, commandId: string, body: unknown): Command {
    return { commandId, fingerprint: fingerprint(verb, body), now: now() }
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
