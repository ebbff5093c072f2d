import { sep } from 'node:path'
import { AggregateStore, type EventLog } from '@codex-bridge/bus'
import { BridgeError, type LaneCreate, type LaneState, type WorktreeOutcome, type WorktreePlan } from '@codex-bridge/contracts'
import { stampEvent, stepId } from '@codex-bridge/service-kit'
import type { LaneProjection } from '../projection/lane-projection.ts'
import type { SessionClient } from '../sessions/session-client.ts'
import { decideCorrection } from './lane-decider.ts'
import { decideWorktree, keptUnseen } from './worktree-decider.ts'

const now = (): string => new Date().toISOString()

/**
 * The worktrees that the bridge makes for lanes. The lane says what will be made or removed before a runner is asked to, and the
 * runner's work may be repeated, so whoever dies in between is made up for by the next command that comes.
 */
export class LaneWorktrees {
  readonly #lanes: AggregateStore<'lane'>
  readonly #projection: LaneProjection
  readonly #sessions: SessionClient

  constructor({ log, projection, sessions }: { log: EventLog; projection: LaneProjection; sessions: SessionClient }) {
    this.#lanes = new AggregateStore(log, 'lane', stampEvent)
    this.#projection = projection
    this.#sessions = sessions
  }

  /** @throws BridgeError `worktree_blocked`, `validation_error`, `no_runner` */
  async plan(laneId: string, body: LaneCreate): Promise<WorktreePlan> {
    return await this.#sessions.planWorktree({ laneId, repoRoot: body.repoRoot ?? '', branch: body.branch ?? null })
  }

  /**
   * Makes the lane's worktree unless it is there. A lane whose worktree cannot be made says why it is blocked.
   * @returns the lane as it is then, and the sequence of its last event, 0 when nothing was to be done
   * @throws BridgeError `worktree_blocked`, `no_runner`
   */
  async ensure(lane: LaneState, commandId: string): Promise<{ lane: LaneState; seq: number }> {
    const { laneId, incarnation, worktree, repoRoot } = lane
    if (!worktree || worktree.state === 'ready' || repoRoot === null) return { lane, seq: 0 }
    try {
      await this.#sessions.createWorktree({ commandId: stepId(commandId, 'worktree'), laneId, incarnation, repoRoot, worktree })
    } catch (error) {
      const { code, message, details } = BridgeError.from(error)
      if (code !== 'worktree_blocked' && code !== 'no_runner') throw error
      await this.#lanes.transact(laneId, (version) => decideCorrection(version, 'blocked', { code, message, details }, now()))
      throw error
    }
    const change = { from: worktree.state, to: 'ready' } as const
    const { version } = await this.#lanes.transact(laneId, (current) => decideWorktree(current, incarnation, change, now()))
    if (!version.state || version.state.deleted) throw new BridgeError('lane_not_found', `No lane ${laneId}`)
    if (version.state.worktree?.state !== 'ready') throw new BridgeError('conflict', `Lane ${laneId} is being deleted`)
    return { lane: version.state, seq: version.seq }
  }

  /**
   * Removes the lane's worktree where nothing would be lost.
   * @returns what became of it; undefined when the bridge made none
   * @throws BridgeError `command_timeout`: whether it is there is not known, and a repetition finds out
   */
  async giveUp({ laneId }: LaneState, commandId: string): Promise<WorktreeOutcome | undefined> {
    const { state: lane } = await this.#lanes.load(laneId)
    const { worktree, repoRoot, incarnation } = lane ?? {}
    if (!lane || lane.deleted || !worktree || !repoRoot || !incarnation) return
    const user = this.#otherUser(laneId, worktree.path)
    if (user !== undefined) return keptUnseen(worktree, 'used_by_lane', `Lane ${user} works in it`)
    if (worktree.state !== 'removing') {
      const change = { from: worktree.state, to: 'removing' } as const
      await this.#lanes.transact(laneId, (version) => decideWorktree(version, incarnation, change, now()))
    }
    const request = { commandId: stepId(commandId, 'worktree'), laneId, incarnation, repoRoot, worktree }
    return await this.#sessions.removeWorktree(request).catch((error: unknown) => {
      const { code, message } = BridgeError.from(error)
      if (code === 'command_timeout') throw error
      return keptUnseen(worktree, code, message)
    })
  }

  #otherUser(laneId: string, folder: string): string | undefined {
    const inside = (path: string | null) => path !== null && (path === folder || path.startsWith(folder + sep))
    return this.#projection.all().find(({ lane }) => lane.laneId !== laneId && (inside(lane.worktreePath) || inside(lane.repoRoot)))?.lane
      .laneId
  }
}
