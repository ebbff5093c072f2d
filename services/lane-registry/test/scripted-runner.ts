import { type Endpoints, serve, serveLane } from '@codex-bridge/bus'
import {
  type BridgeError,
  type LaneState,
  Runners,
  type SessionReply,
  type SessionState,
  Sessions,
  type TurnReceipt,
} from '@codex-bridge/contracts'
import { type Rig, say } from './registry-fixture.ts'

/** Answers claims on the bus and writes the session aggregate as a runner does, without Codex behind it. */
export class ScriptedRunner {
  readonly #rig: Rig
  readonly asked: string[] = []
  policy: 'resume' | 'stop' = 'resume'
  refuse: BridgeError | undefined
  refuseWorktree: BridgeError | undefined
  readonly #endpoints: Endpoints[] = []

  constructor(rig: Rig) {
    this.#rig = rig
  }

  async open(): Promise<void> {
    const about = { name: 'runner', version: '0.1.0' }
    const take = (verb: 'claim' | 'recover', lane: LaneState) => this.#take(verb, lane)
    this.#endpoints.push(
      await serve(this.#rig.bus, about, Runners, {
        claim: ({ lane }) => take('claim', lane),
        recover: ({ lane }) => take('recover', lane),
        planWorktree: ({ laneId, branch }) => {
          this.asked.push('plan-worktree')
          return { path: `/srv/worktrees/${laneId}`, branch: branch ?? laneId, branchCreated: true, base: 'abc' }
        },
        createWorktree: ({ worktree }) => this.#worktree('create-worktree', worktree),
        removeWorktree: ({ worktree: { path, branch } }) =>
          this.#worktree('remove-worktree', { path, branch, removed: true, reason: null, branchDeleted: true, branchReason: null }),
      }),
    )
  }

  async close(): Promise<void> {
    await Promise.all(this.#endpoints.splice(0).map((endpoints) => endpoints.stop()))
  }

  #worktree<T>(verb: string, answer: T): T {
    this.asked.push(verb)
    if (this.refuseWorktree) throw this.refuseWorktree
    return answer
  }

  async #take(verb: 'claim' | 'recover', lane: LaneState): Promise<SessionReply> {
    this.asked.push(verb)
    const { laneId } = lane
    if (this.refuse) throw this.refuse
    const { state } = await this.#rig.sessions.load(laneId)
    if (state?.phase === 'live' || state?.phase === 'claimed')
      await say(this.#rig, laneId, 'lane.session.lost', { phase: 'lost' }, { reason: 'runner_gone' })
    if (verb === 'recover' && this.policy === 'stop') return this.#reply(laneId)
    await say(this.#rig, laneId, 'lane.session.claimed', { phase: 'claimed' }, { purpose: verb === 'claim' ? 'start' : 'recover' })
    const type = verb === 'claim' ? 'lane.session.started' : 'lane.session.recovered'
    await say(this.#rig, laneId, type, { phase: 'live', threadId: `thread-${laneId}` })
    this.#endpoints.push(
      serveLane(this.#rig.bus, laneId, Sessions, {
        status: () => this.#reply(laneId),
        prompt: async ({ commandId }): Promise<TurnReceipt> => {
          const seq = await say(this.#rig, laneId, 'lane.turn.requested', {})
          return { laneId, sessionId: laneId, threadId: null, turnId: 'turn-1', action: 'prompt', status: 'inProgress', commandId, seq }
        },
        stop: async () => {
          await say(this.#rig, laneId, 'lane.session.stopped', { phase: 'stopped' }, { cause: 'command', reason: null })
          return this.#reply(laneId)
        },
      }),
    )
    return this.#reply(laneId)
  }

  async #reply(laneId: string): Promise<SessionReply> {
    const { state, seq } = await this.#rig.sessions.load(laneId)
    return { session: state as SessionState, thread: { id: `thread-${laneId}`, name: null, cwd: null }, seq }
  }
}
