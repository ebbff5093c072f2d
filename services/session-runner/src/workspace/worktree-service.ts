import { isAbsolute, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { EventLog, LeaseTable } from '@codex-bridge/bus'
import {
  BridgeError,
  type LaneWorktree,
  type RequestOf,
  type Runners,
  type WorktreeOutcome,
  type WorktreePlan,
} from '@codex-bridge/contracts'
import { SingleFlight } from '@codex-bridge/platform'
import type { Logger } from '@codex-bridge/service-kit'
import type { ProcessScanner } from '../host/process-scanner.ts'
import { type GitClient, worktreeBlocked } from './git/git-client.ts'
import { openRepository, type Repository } from './git/repository-reader.ts'
import type { WorkspacePolicy } from './workspace-policy.ts'
import { createWorktree, planWorktree } from './worktree-creator.ts'
import { keptOutcome, reasonOf, removeWorktree } from './worktree-remover.ts'

export type WorktreeServiceOptions = {
  git: GitClient
  workspaces: WorkspacePolicy
  leases: Pick<LeaseTable, 'acquire'>
  /** The events of lanes. */
  log: Pick<EventLog, 'last'>
  scanner: Pick<ProcessScanner, 'userOf'>
  /** Folder of all worktrees: absolute, or relative to the repository of a lane. */
  folder: string
  /** How long to wait for another runner that works on the same worktree, in milliseconds. */
  patienceMs: number
  logger: Logger
}

type LaneRequest = RequestOf<typeof Runners.createWorktree>

const LEASE_RETRY_MS = 100

/** Creates and removes worktrees for lanes, one operation at a time per lane over all runners. */
export class WorktreeService {
  readonly #options: WorktreeServiceOptions
  /** A request is sent again while it is not answered, and then shares the work under way. */
  readonly #creating = new SingleFlight<string, WorktreePlan>()
  readonly #removing = new SingleFlight<string, WorktreeOutcome>()

  constructor(options: WorktreeServiceOptions) {
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
    return this.#creating.run(keyOf(request), () => this.#leased(request.laneId, () => this.#create(request)))
  }

  async #create(request: LaneRequest): Promise<WorktreePlan> {
    await this.#assertWanted(request, [request.worktree.state, 'ready'])
    const { path } = request.worktree
    const problem = checkPlace(path, this.#options.workspaces)
    if (problem) throw problem
    await createWorktree(await this.#open(request.repoRoot), request)
    this.#options.logger.info({ laneId: request.laneId, path }, 'worktree created')
    const { state: _state, ...plan } = request.worktree
    return plan
  }

  /** A worktree that is kept is an answer too, with its reason. @throws BridgeError `conflict` when the lane does not ask for it */
  remove(request: LaneRequest): Promise<WorktreeOutcome> {
    return this.#removing.run(keyOf(request), () => this.#leased(request.laneId, () => this.#remove(request)))
  }

  async #remove(request: LaneRequest): Promise<WorktreeOutcome> {
    await this.#assertWanted(request, ['removing'])
    const { logger, scanner } = this.#options
    const outcome = await this.#open(request.repoRoot)
      .then((repository) => removeWorktree(repository, request, scanner))
      .catch((error: unknown) => keptOutcome(request.worktree, reasonOf(error)))
    logger.info({ laneId: request.laneId, outcome }, outcome.removed ? 'worktree removed' : 'worktree kept')
    return outcome
  }

  /** A request that waited or was sent again may be out of date. @throws BridgeError `conflict` */
  async #assertWanted({ laneId, incarnation }: LaneRequest, states: LaneWorktree['state'][]): Promise<void> {
    const lane = (await this.#options.log.last(laneId, 'lane'))?.state
    if (lane?.worktree && !lane.deleted && lane.incarnation === incarnation && states.includes(lane.worktree.state)) return
    throw new BridgeError('conflict', `Lane ${laneId} no longer asks for this`)
  }

  async #open(repoRoot: string): Promise<Repository> {
    const problem = this.#options.workspaces.check(repoRoot)
    if (problem) throw worktreeBlocked(problem.code, problem.message, { repoRoot })
    return await openRepository(await this.#options.git.begin(), repoRoot)
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

const keyOf = ({ laneId, incarnation }: LaneRequest): string => `${laneId} ${incarnation}`

/** The place was checked when it was planned. Settings and links may have changed since. */
const checkPlace = (path: string, workspaces: WorkspacePolicy): BridgeError | undefined => {
  const place = workspaces.checkNew(path)
  if (place === path) return
  return typeof place === 'string'
    ? worktreeBlocked('workspace_forbidden', `${path} now leads elsewhere`, { path })
    : worktreeBlocked(place.code, place.message, { path })
}
