import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type EventLog, LeaseTable } from '@codex-bridge/bus'
import { type Broker, startBroker } from '@codex-bridge/bus/testing'
import type { LaneState, LaneWorktree, WorktreeOutcome } from '@codex-bridge/contracts'
import { createLogger } from '@codex-bridge/service-kit'
import { TestRepository } from '@codex-bridge/testkit'
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest'
import { GitClient } from '../src/workspace/git/git-client.ts'
import { WorkspacePolicy } from '../src/workspace/workspace-policy.ts'
import { WorktreeService } from '../src/workspace/worktree-service.ts'

export const INCARNATION = 'evt_1'

export type ServiceSettings = { roots?: string; where?: string; timeoutMs?: number; instance?: string; isDead?: boolean }

/** One broker for a test file; a folder with a repository, and lanes, for each test. */
export class WorktreeFixture {
  folder = ''
  repository!: TestRepository
  lanes = new Map<string, LaneState>()
  /** What the scanner reports about every worktree. */
  user: string | null = null
  #broker!: Broker

  async start(): Promise<void> {
    this.#broker = await startBroker()
  }

  async stop(): Promise<void> {
    await this.#broker.stop()
  }

  reset(): void {
    this.folder = realpathSync(mkdtempSync(join(tmpdir(), 'worktrees-')))
    this.repository = new TestRepository(join(this.folder, 'repo'))
    this.lanes = new Map()
    this.user = null
  }

  readonly serviceOf = async (settings: ServiceSettings = {}): Promise<WorktreeService> => {
    const { roots = '', where, timeoutMs = 20_000, instance = 'one', isDead = false } = settings
    return new WorktreeService({
      git: new GitClient(timeoutMs),
      workspaces: new WorkspacePolicy(roots),
      leases: await LeaseTable.open(this.#broker.bus, { id: instance, instance, host: 'h', pid: 1, startTime: 1 }, () => isDead),
      folder: where ?? join(this.folder, 'worktrees'),
      patienceMs: 20_000,
      log: { last: async (laneId: string) => ({ state: this.lanes.get(laneId) }) } as unknown as EventLog,
      scanner: { userOf: () => this.user },
      logger: createLogger('test', 'test', 'silent'),
    })
  }

  /** A request for a lane, whose state then asks for it. */
  readonly request = (laneId: string, worktree: LaneWorktree) => {
    this.lanes.set(laneId, { laneId, incarnation: INCARNATION, deleted: false, worktree } as LaneState)
    return { commandId: 'c', laneId, incarnation: INCARNATION, repoRoot: this.repository.root, worktree }
  }

  readonly plan = async (laneId: string, branch: string | null = null, service?: WorktreeService) =>
    await (service ?? (await this.serviceOf())).plan({ laneId, repoRoot: this.repository.root, branch })

  readonly make = async (laneId: string, branch: string | null = null): Promise<LaneWorktree> => {
    const worktree: LaneWorktree = { ...(await this.plan(laneId, branch)), state: 'requested' }
    await (await this.serviceOf()).create(this.request(laneId, worktree))
    return { ...worktree, state: 'ready' }
  }

  /** Asks as the registry does: the lane says `removing` first. `before` is the lane's earlier state, which the request carries. */
  readonly remove = async (
    laneId: string,
    worktree: LaneWorktree,
    before: LaneWorktree['state'] = worktree.state,
  ): Promise<WorktreeOutcome> => {
    const request = this.request(laneId, { ...worktree, state: 'removing' })
    return await (await this.serviceOf()).remove({ ...request, worktree: { ...worktree, state: before } })
  }
}

/** Registers the hooks of a test file. */
export const worktreeFixture = (): WorktreeFixture => {
  const fixture = new WorktreeFixture()
  beforeAll(() => fixture.start())
  afterAll(() => fixture.stop())
  beforeEach(() => fixture.reset())
  afterEach(() => rmSync(fixture.folder, { recursive: true, force: true }))
  return fixture
}

/** The reason of a refusal. */
export const refusalOf = async (work: Promise<unknown>): Promise<string> => {
  const error = await work.then(
    () => undefined,
    (caught: { code: string; details?: { reason?: string } }) => caught,
  )
  return error ? (error.details?.reason ?? error.code) : 'nothing was refused'
}
