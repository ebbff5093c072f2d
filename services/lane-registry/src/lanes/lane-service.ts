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
  type WorktreeOutcome,
  type WorktreePlan,
} from '@codex-bridge/contracts'
import { fingerprint, laneIdOfCommand, stampEvent, stepId } from '@codex-bridge/service-kit'
import type { LaneProjection } from '../projection/lane-projection.ts'
import type { SessionLifecycle } from '../sessions/session-lifecycle.ts'
import { planCleanup } from './lane-cleanup.ts'
import { type Command, decideCreate, decideDebugCompletion, decideDelete, knownCommand } from './lane-decider.ts'
import type { LaneQueries } from './lane-queries.ts'
import type { LaneWorktrees } from './lane-worktrees.ts'
import { assertWorktreeRequest } from './worktree-decider.ts'

export type LaneServiceOptions = {
  log: EventLog
  queries: LaneQueries
  projection: LaneProjection
  worktrees: LaneWorktrees
  lifecycle: SessionLifecycle
}

/** Commands on lanes and their sessions. Each may be repeated with its command id. */
export class LaneService {
  readonly #lanes: AggregateStore<'lane'>
  readonly #queries: LaneQueries
  readonly #projection: LaneProjection
  readonly #worktrees: LaneWorktrees
  readonly #lifecycle: SessionLifecycle

  constructor({ log, queries, projection, worktrees, lifecycle }: LaneServiceOptions) {
    this.#lanes = new AggregateStore(log, 'lane', stampEvent)
    this.#queries = queries
    this.#projection = projection
    this.#worktrees = worktrees
    this.#lifecycle = lifecycle
  }

  async create({ commandId, body }: RequestOf<typeof Registry.createLane>): Promise<Lane> {
    const { laneId, seq } = await this.open(commandId, body, body)
    return await this.#queries.lane(laneId, seq)
  }

  /**
   * Stops the session, if there is one, removes the worktree that the bridge made, then deletes the lane.
   * @returns the sequence of the deletion, and what became of the worktree
   */
  async delete({
    commandId,
    laneId,
  }: RequestOf<typeof Registry.deleteLane>): Promise<{ laneId: string; seq: number; worktree?: WorktreeOutcome }> {
    const command = commandOf('delete-lane', commandId, { laneId })
    const { state } = await this.#lanes.load(laneId)
    if (state && !state.deleted) await this.#lifecycle.stop(state, stepId(commandId, 'stop'))
    const worktree = state?.worktree ? await this.#worktrees.giveUp(state, commandId) : undefined
    const { version } = await this.#lanes.transact(laneId, (current) => decideDelete(current, laneId, command, worktree))
    return { laneId, seq: version.seq, ...(worktree && { worktree }) }
  }

  /** Brings the lane's session up, unless it is up. */
  async startSession({ commandId, laneId }: RequestOf<typeof Registry.startSession>): Promise<Session> {
    const { seq } = await this.#lifecycle.start(await this.existing(laneId), commandId)
    return await this.#queries.session(laneId, seq)
  }

  async stopSession({ commandId, laneId }: RequestOf<typeof Registry.stopSession>): Promise<Session> {
    const seq = await this.#lifecycle.stop(await this.existing(laneId), commandId)
    return await this.#queries.session(laneId, seq)
  }

  /** Deletes lanes that are over, or only lists them. A lane that cannot be deleted is reported and does not stop the rest. */
  async cleanup({ commandId, body }: RequestOf<typeof Registry.cleanup>): Promise<CleanupResult> {
    const dryRun = body.dryRun ?? true
    const lanes = planCleanup(this.#projection.all(), body, Date.now())
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
    const command = commandOf('debug-complete', commandId, body)
    const { version } = await this.#lanes.transact(body.laneId, (current) =>
      decideDebugCompletion(current, body.laneId, body.note ?? null, command),
    )
    return await this.#queries.lane(body.laneId, version.seq)
  }

  /**
   * Creates a lane with the worktree it asks for.
   * @param fingerprinted what tells a repetition from another request under the same id
   */
  async open(commandId: string, body: LaneCreate, fingerprinted: unknown): Promise<{ laneId: string; seq: number }> {
    const laneId = body.laneId ?? laneIdOfCommand(commandId)
    const command = commandOf('create-lane', commandId, fingerprinted)
    const { id } = stampEvent()
    const plan = await this.#plan(laneId, body, command)
    const { version } = await this.#lanes.transact(laneId, (current) => decideCreate(current, laneId, body, id, command, plan))
    const { state, seq } = version
    if (state?.worktree?.state !== 'requested' || state.deleted) return { laneId, seq }
    const made = await this.#worktrees.ensure(state, commandId).catch(async (error: unknown) => {
      await this.#lifecycle.shown(laneId)
      throw error
    })
    return { laneId, seq: Math.max(seq, made.seq) }
  }

  /** The worktree to make for a new lane; undefined when it asks for none, or exists already. */
  async #plan(laneId: string, body: LaneCreate, command: Command): Promise<WorktreePlan | undefined> {
    assertWorktreeRequest(body)
    if (body.worktree !== true) return
    const { state } = await this.#lanes.load(laneId)
    return (state && !state.deleted) || knownCommand(state, command) ? undefined : await this.#worktrees.plan(laneId, body)
  }

  /** A lane as stored. @throws BridgeError `lane_not_found` */
  async existing(laneId: string): Promise<LaneState> {
    const { state } = await this.#lanes.load(laneId)
    if (!state || state.deleted) throw new BridgeError('lane_not_found', `No lane ${laneId}`)
    return state
  }
}

/** A command as deciders take it. */
export const commandOf = (verb: string, commandId: string, body: unknown): Command => ({
  commandId,
  fingerprint: fingerprint(verb, body),
  now: new Date().toISOString(),
})
