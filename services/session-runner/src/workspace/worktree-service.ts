import { isAbsolute, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { LeaseTable } from '@codex-bridge/bus'
import {
  BridgeError,
  type LaneState,
  type LaneWorktree,
  type RequestOf,
  type Runners,
  type WorktreeOutcome,
  type WorktreePlan,
} from '@codex-bridge/contracts'
import type { Logger } from '@codex-bridge/service-kit'
import { type GitClient, worktreeBlocked } from './git/git-client.ts'
import { openRepository, type Repository } from './git/repository-reader.ts'
import type { WorkspacePolicy } from './workspace-policy.ts'
import { makeWorktree, planWorktree } from './worktree-creator.ts'
import { keptOutcome, reasonOf, removeWorktree } from './worktree-remover.ts'

export type WorktreeKeeperOptions = {
  git: GitClient
  workspaces: WorkspacePolicy
  leases: Pick<LeaseTable, 'acquire'>
  /** Absolute, or relative to the repository of a lane. */
  folder: string
  /** How long another runner's work on the same worktree is waited for. */
  patienceMs: number
  /** The lane as the log has it. */
  laneOf: (laneId: string) => Promise<LaneState | undefined>
  /** Who works in a folder, in words; null when nobody is seen. */
  inUse: (path: string) => string | null
  logger: Logger
}

type LaneRequest = RequestOf<typeof Runners.createWorktree>

const LEASE_RETRY_MS = 100

/** Makes worktrees for lanes and gives them up again. One thing at a time per lane, whichever runner is asked. */
export class WorktreeService {
  readonly #options: WorktreeKeeperOptions
  /** Requests are sent again while no answer comes: those share the work under way. */
  readonly #underWay = new Map<string, Promise<unknown>>()

  constructor(options: WorktreeKeeperOptions) {
    this.#options = options
  }

  /** @throws BridgeError `worktree_blocked`, `validation_error` (branch) */
  async plan({ laneId, repoRoot, branch }: RequestOf<typeof Runners.planWorktree>): Promise<WorktreePlan> {
    const repository = await this.#open(repoRoot)
    const { folder, workspaces } = this.#options
    const parent = isAbsolute(folder) ? folder : resolve(repository.root, folder)
    const path = workspaces.checkNew(join(parent, laneId))
    if (typeof path !== 'string') {
      throw worktreeBlocked(path.code, path.message, { path: join(parent, laneId), offers: ['set BRIDGE_WORKTREES_DIR'] })
    }
    return await planWorktree(repository, path, branch ?? `codex-bridge/${laneId}`)
  }

  /** @throws BridgeError `worktree_blocked` */
  create(request: LaneRequest): Promise<WorktreePlan> {
    return this.#alone('create', request, async () => {
      await this.#assertWanted(request, [request.worktree.state, 'ready'])
      const { path } = request.worktree
      const problem = judgePlace(path, this.#options.workspaces)
      if (problem) throw problem
      await makeWorktree(await this.#open(request.repoRoot), request)
      this.#options.logger.info({ laneId: request.laneId, path }, 'worktree made')
      const { state: _state, ...plan } = request.worktree
      return plan
    })
  }

  /** A worktree that is not removed is an answer, whatever was found. @throws BridgeError `conflict` when the lane does not ask for it */
  remove(request: LaneRequest): Promise<WorktreeOutcome> {
    return this.#alone('remove', request, async () => {
      await this.#assertWanted(request, ['removing'])
      const { logger, inUse } = this.#options
      const outcome = await this.#open(request.repoRoot)
        .then((repository) => removeWorktree(repository, request, inUse))
        .catch((error: unknown) => keptOutcome(request.worktree, reasonOf(error)))
      logger.info({ laneId: request.laneId, outcome }, outcome.removed ? 'worktree removed' : 'worktree kept')
      return outcome
    })
  }

  /** A request that waited, or was sent again, may be older than what became of its lane. @throws BridgeError `conflict` */
  async #assertWanted({ laneId, incarnation }: LaneRequest, states: LaneWorktree['state'][]): Promise<void> {
    const lane = await this.#options.laneOf(laneId)
    if (lane?.worktree && !lane.deleted && lane.incarnation === incarnation && states.includes(lane.worktree.state)) return
    throw new BridgeError('conflict', `Lane ${laneId} does not ask for this any more`)
  }

  async #open(repoRoot: string): Promise<Repository> {
    const problem = this.#options.workspaces.check(repoRoot)
    if (problem) throw worktreeBlocked(problem.code, problem.message, { repoRoot })
    return await openRepository(await this.#options.git.begin(), repoRoot)
  }

  #alone<T>(verb: string, { laneId, incarnation }: LaneRequest, work: () => Promise<T>): Promise<T> {
    const key = `${verb} ${laneId} ${incarnation}`
    const underWay = this.#underWay.get(key) as Promise<T> | undefined
    if (underWay) return underWay
    const run = this.#leased(laneId, work).finally(() => this.#underWay.delete(key))
    this.#underWay.set(key, run)
    return run
  }

  async #leased<T>(laneId: string, work: () => Promise<T>): Promise<T> {
    const { leases, patienceMs } = this.#options
    for (const deadline = Date.now() + patienceMs; ; await sleep(LEASE_RETRY_MS)) {
      const lease = await leases.acquire(`worktree.${laneId}`, () => undefined)
      if (lease) return await work().finally(() => lease.release())
      if (Date.now() > deadline) throw new BridgeError('conflict', 'Another runner works on the worktree of this lane')
    }
  }
}

/** The place was judged when it was planned; settings and links may have changed since. */
const judgePlace = (path: string, workspaces: WorkspacePolicy): BridgeError | undefined => {
  const place = workspaces.checkNew(path)
  if (place === path) return
  return typeof place === 'string'
    ? worktreeBlocked('workspace_forbidden', `${path} leads elsewhere by now`, { path })
    : worktreeBlocked(place.code, place.message, { path })
}
