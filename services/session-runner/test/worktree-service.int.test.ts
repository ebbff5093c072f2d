import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { applyTopology, type Bus, connectBus, LeaseTable } from '@codex-bridge/bus'
import type { LaneState, LaneWorktree, WorktreeOutcome } from '@codex-bridge/contracts'
import { createLogger } from '@codex-bridge/service-kit'
import { type NatsServer, startNats, TestRepository, waitFor } from '@codex-bridge/testkit'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { GitClient } from '../src/workspace/git/git-client.ts'
import { WorkspacePolicy } from '../src/workspace/workspace-policy.ts'
import { markOf } from '../src/workspace/worktree-creator.ts'
import { WorktreeService } from '../src/workspace/worktree-service.ts'

const logger = createLogger('test', 'test', 'silent')
const INCARNATION = 'evt_1'

let nats: NatsServer
let bus: Bus
let folder: string
let repository: TestRepository
let user: string | null
let lanes: Map<string, LaneState>
beforeAll(async () => {
  nats = await startNats({ exclusive: true })
  bus = await connectBus({ url: nats.url, role: 'migrator', instance: 'test' })
  await applyTopology(bus)
})
afterAll(async () => {
  await bus.nc.close()
  await nats.stop()
})
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'worktrees-')))
  repository = new TestRepository(join(folder, 'repo'))
  user = null
  lanes = new Map()
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

type Settings = { roots?: string; where?: string; timeoutMs?: number; instance?: string; isDead?: boolean }
const keeperOf = async ({ roots = '', where, timeoutMs = 20_000, instance = 'one', isDead = false }: Settings = {}) => {
  const holder = { id: instance, instance, host: 'h', pid: 1, startTime: 1 }
  return new WorktreeService({
    git: new GitClient(timeoutMs),
    workspaces: new WorkspacePolicy(roots),
    leases: await LeaseTable.open(bus, holder, () => isDead),
    folder: where ?? join(folder, 'worktrees'),
    patienceMs: 20_000,
    laneOf: async (laneId) => lanes.get(laneId),
    inUse: () => user,
    logger,
  })
}

const request = (laneId: string, worktree: LaneWorktree) => {
  lanes.set(laneId, { laneId, incarnation: INCARNATION, deleted: false, worktree } as LaneState)
  return { commandId: 'c', laneId, incarnation: INCARNATION, repoRoot: repository.root, worktree }
}
const plan = async (laneId: string, branch: string | null = null, keeper?: WorktreeService) =>
  await (keeper ?? (await keeperOf())).plan({ laneId, repoRoot: repository.root, branch })
const make = async (laneId: string, branch: string | null = null): Promise<LaneWorktree> => {
  const worktree: LaneWorktree = { ...(await plan(laneId, branch)), state: 'requested' }
  await (await keeperOf()).create(request(laneId, worktree))
  return { ...worktree, state: 'ready' }
}
/** As the registry asks: the lane says `removing` before. `begun` is what the request says, which is what the lane said first. */
const remove = async (laneId: string, worktree: LaneWorktree, begun: LaneWorktree['state'] = worktree.state): Promise<WorktreeOutcome> => {
  const asked = request(laneId, { ...worktree, state: 'removing' })
  return await (await keeperOf()).remove({ ...asked, worktree: { ...worktree, state: begun } })
}
const refusal = async (work: Promise<unknown>): Promise<string> => {
  const error = await work.then(
    () => undefined,
    (caught: { code: string; details?: { reason?: string } }) => caught,
  )
  return error ? (error.details?.reason ?? error.code) : 'nothing was refused'
}

describe('a plan', () => {
  it('names a new branch at HEAD and a folder by the lane, and changes nothing', async () => {
    expect(await plan('lane-a')).toEqual({
      path: join(folder, 'worktrees', 'lane-a'),
      branch: 'codex-bridge/lane-a',
      branchCreated: true,
      base: repository.git('rev-parse', 'HEAD').trim(),
    })
    expect(repository.branches()).toEqual(['main'])
    expect(existsSync(join(folder, 'worktrees'))).toBe(false)
  })

  it('takes a branch that exists, at its own commit', async () => {
    repository.git('branch', 'topic')
    repository.commit('second', { 'file.txt': 'second\n' })
    expect(await plan('lane-a', 'topic')).toMatchObject({ branchCreated: false, base: repository.git('rev-parse', 'topic').trim() })
  })

  it('may lie relative to the repository', async () => {
    const keeper = await keeperOf({ where: '../beside' })
    expect(await plan('lane-a', null, keeper)).toMatchObject({ path: join(folder, 'beside', 'lane-a') })
  })

  it.each(['--upload-pack=touch x', '-b', '../..', 'a\nb', 'a b', 'a..b', 'x.lock', 'a/', '@{-1}', 'HEAD', 'a\u0000b', '.hidden', 'a~1'])(
    'refuses the branch %j',
    async (branch) => {
      expect(await refusal(plan('lane-a', branch))).toBe('validation_error')
    },
  )

  it('refuses what is no repository, not the top of one, its data, or without a commit', async () => {
    const keeper = await keeperOf()
    const of = (repoRoot: string) => refusal(keeper.plan({ laneId: 'lane-a', repoRoot, branch: null }))
    mkdirSync(join(folder, 'plain'))
    expect(await of(join(folder, 'plain'))).toBe('not_a_repository')
    expect(await of(join(repository.root, 'folder'))).toBe('not_a_repository')
    expect(await of(join(repository.root, '.git'))).toBe('not_a_repository')
    expect(await of(join(folder, 'nowhere'))).toBe('workspace_missing')
    repository.in(join(folder, 'plain'), 'init', '-q')
    expect(await of(join(folder, 'plain'))).toBe('no_commit')
  })

  it('takes a bare repository', async () => {
    const bare = join(folder, 'bare.git')
    repository.git('clone', '-q', '--bare', '.', bare)
    expect(await (await keeperOf()).plan({ laneId: 'lane-a', repoRoot: bare, branch: null })).toMatchObject({ branchCreated: true })
  })

  it('refuses a branch that is checked out, or that another branch does not leave room for', async () => {
    expect(await refusal(plan('lane-a', 'main'))).toBe('branch_in_use')
    repository.git('branch', 'codex-bridge')
    expect(await refusal(plan('lane-a'))).toBe('branch_in_the_way')
  })

  it('refuses a folder that is there, also an empty one', async () => {
    mkdirSync(join(folder, 'worktrees', 'lane-a'), { recursive: true })
    expect(await refusal(plan('lane-a'))).toBe('path_taken')
  })

  it('refuses a folder outside of the allowed roots, also through a link', async () => {
    mkdirSync(join(folder, 'outside'))
    symlinkSync(join(folder, 'outside'), join(repository.root, 'link'))
    const where = (path: string) =>
      keeperOf({ roots: repository.root, where: path }).then((keeper) => refusal(plan('lane-a', null, keeper)))
    expect(await where(join(folder, 'worktrees'))).toBe('workspace_forbidden')
    expect(await where('link')).toBe('workspace_forbidden')
    expect(await where('../beside')).toBe('workspace_forbidden')
    expect(await where('.worktrees')).toBe('nothing was refused')
  })

  it('says so where there is no git', async () => {
    const path = process.env['PATH']
    process.env['PATH'] = join(folder, 'nothing-here')
    try {
      expect(await refusal(plan('lane-a'))).toBe('git_missing')
    } finally {
      process.env['PATH'] = path
    }
  })
})

describe('making', () => {
  it('checks the branch out, unlocked and clean, and a repetition changes nothing', async () => {
    const worktree = await make('lane-a')
    expect(readFileSync(join(worktree.path, 'folder/other.txt'), 'utf8')).toBe('other\n')
    expect(repository.in(worktree.path, 'status', '--porcelain', '--branch')).toBe('## codex-bridge/lane-a\n')
    expect(existsSync(join(repository.data('lane-a'), 'locked'))).toBe(false)
    writeFileSync(join(worktree.path, 'file.txt'), 'work\n')
    await (await keeperOf()).create(request('lane-a', { ...worktree, state: 'requested' }))
    expect(readFileSync(join(worktree.path, 'file.txt'), 'utf8')).toBe('work\n')
  })

  it('runs no hook of the repository and ignores what points git elsewhere', async () => {
    for (const hook of ['post-checkout', 'reference-transaction', 'post-index-change']) {
      writeFileSync(join(repository.root, '.git', 'hooks', hook), `#!/bin/sh\ntouch ${folder}/hook-ran\n`, { mode: 0o755 })
    }
    repository.git('config', 'core.fsmonitor', `touch ${folder}/hook-ran; false`)
    process.env['GIT_DIR'] = join(folder, 'elsewhere')
    try {
      const worktree = await make('lane-a')
      expect((await remove('lane-a', worktree)).removed).toBe(true)
    } finally {
      delete process.env['GIT_DIR']
    }
    expect(existsSync(join(folder, 'hook-ran'))).toBe(false)
  })

  it('asked for by two runners at once is done once', async () => {
    const worktree: LaneWorktree = { ...(await plan('lane-a')), state: 'requested' }
    const [one, two] = await Promise.all([keeperOf({ instance: 'one' }), keeperOf({ instance: 'two' })])
    const asked = request('lane-a', worktree)
    await Promise.all([one.create(asked), two.create(asked), one.create(asked)])
    expect(repository.worktrees()).toEqual([repository.root, worktree.path])
    expect(repository.in(worktree.path, 'status', '--porcelain')).toBe('')
  })

  it('is refused when the lane does not ask for it any more', async () => {
    const asked = request('lane-a', { ...(await plan('lane-a')), state: 'requested' })
    lanes.set('lane-a', { ...(lanes.get('lane-a') as LaneState), deleted: true })
    expect(await refusal((await keeperOf()).create(asked))).toBe('conflict')
    expect(repository.branches()).toEqual(['main'])
  })

  it('is refused when the branch was made by somebody else in the meantime, at another commit', async () => {
    const worktree: LaneWorktree = { ...(await plan('lane-a')), state: 'requested' }
    repository.commit('second', { 'file.txt': 'second\n' })
    repository.git('branch', worktree.branch)
    expect(await refusal((await keeperOf()).create(request('lane-a', worktree)))).toBe('branch_in_use')
  })
})

describe('making that was cut off', () => {
  const asked = async () => request('lane-a', { ...(await plan('lane-a')), state: 'requested' as const })
  const add = ({ worktree }: { worktree: LaneWorktree }) => {
    const mark = markOf({ laneId: 'lane-a', incarnation: INCARNATION })
    mkdirSync(join(folder, 'worktrees'), { recursive: true })
    repository.git(
      'worktree',
      'add',
      '-q',
      '--no-checkout',
      '--lock',
      '--reason',
      mark,
      '-b',
      worktree.branch,
      worktree.path,
      worktree.base,
    )
  }
  const whole = (worktree: LaneWorktree) => {
    expect(repository.in(worktree.path, 'status', '--porcelain', '--branch')).toBe(`## ${worktree.branch}\n`)
    expect(repository.worktrees()).toEqual([repository.root, worktree.path])
    expect(existsSync(join(repository.data('lane-a'), 'locked'))).toBe(false)
  }

  const cuts: [string, (request: Awaited<ReturnType<typeof asked>>) => void][] = [
    ['after the branch', ({ worktree }) => void repository.git('branch', worktree.branch, worktree.base)],
    ['before any file', add],
    [
      'in the middle of the files, with the index locked',
      (request) => {
        add(request)
        repository.in(request.worktree.path, 'checkout', 'HEAD', '--', 'folder')
        writeFileSync(join(repository.data('lane-a'), 'index.lock'), '')
      },
    ],
    [
      'before git knew the branch of its HEAD',
      (request) => {
        add(request)
        writeFileSync(join(repository.data('lane-a'), 'HEAD'), `${'0'.repeat(40)}\n`)
      },
    ],
    [
      'before the folder had its .git',
      (request) => {
        add(request)
        rmSync(join(request.worktree.path, '.git'))
        for (const file of ['HEAD', 'commondir', 'index']) rmSync(join(repository.data('lane-a'), file), { force: true })
      },
    ],
    [
      'before its data said where the folder is',
      (request) => {
        add(request)
        rmSync(request.worktree.path, { recursive: true })
        for (const file of ['HEAD', 'commondir', 'index', 'gitdir']) rmSync(join(repository.data('lane-a'), file), { force: true })
      },
    ],
  ]

  it.each(cuts)('%s is brought to its end by a repetition', async (_when, cut) => {
    const again = await asked()
    cut(again)
    await (await keeperOf()).create(again)
    whole(again.worktree)
  })

  it.each(cuts)('%s leaves nothing when the lane is deleted', async (_when, cut) => {
    const { worktree } = await asked()
    cut({ ...request('lane-a', worktree) } as Awaited<ReturnType<typeof asked>>)
    expect(await remove('lane-a', worktree)).toMatchObject({ removed: true, branchDeleted: true })
    expect(repository.worktrees()).toEqual([repository.root])
    expect(repository.branches()).toEqual(['main'])
    expect(existsSync(worktree.path)).toBe(false)
  })

  it('never takes a folder away that somebody put there', async () => {
    const again = await asked()
    mkdirSync(again.worktree.path, { recursive: true })
    writeFileSync(join(again.worktree.path, 'mine'), 'mine')
    expect(await refusal((await keeperOf()).create(again))).toBe('path_taken')
    expect(await remove('lane-a', again.worktree)).toMatchObject({ removed: false, reason: { code: 'not_a_worktree' } })
    expect(readFileSync(join(again.worktree.path, 'mine'), 'utf8')).toBe('mine')
  })

  it('by its deadline goes on where it stopped', async () => {
    repository.git('config', 'filter.slow.smudge', `sh -c 'touch ${folder}/busy; while [ -e ${folder}/gate ]; do sleep 0.02; done; cat'`)
    repository.commit('filtered', { '.gitattributes': 'slow.txt filter=slow\n', 'slow.txt': 'slow\n' })
    writeFileSync(join(folder, 'gate'), '')
    const again = await asked()
    const outcome = refusal((await keeperOf({ timeoutMs: 1500 })).create(again))
    await waitFor(() => existsSync(join(folder, 'busy')))
    expect(await outcome).toBe('git_timeout')
    rmSync(join(folder, 'gate'))
    await (await keeperOf()).create(again)
    whole(again.worktree)
    expect(readFileSync(join(again.worktree.path, 'slow.txt'), 'utf8')).toBe('slow\n')
  })
})

describe('removing', () => {
  it('takes worktree and branch away when nothing was done, and a repetition says the same', async () => {
    const worktree = await make('lane-a')
    const gone = { path: worktree.path, branch: worktree.branch, removed: true, reason: null, branchDeleted: true, branchReason: null }
    expect(await remove('lane-a', worktree)).toEqual(gone)
    expect(repository.worktrees()).toEqual([repository.root])
    expect(repository.branches()).toEqual(['main'])
    expect(existsSync(worktree.path)).toBe(false)
    expect(await remove('lane-a', worktree, 'removing')).toEqual(gone)
  })

  it('keeps unmerged commits until they are merged', async () => {
    const worktree = await make('lane-a')
    repository.commit('work', { 'work.txt': 'work\n' }, worktree.path)
    expect(await remove('lane-a', worktree)).toMatchObject({
      removed: false,
      branchDeleted: false,
      reason: { code: 'unmerged', details: { commits: 1, branch: worktree.branch } },
    })
    repository.git('merge', '-q', '--no-edit', worktree.branch)
    expect(await remove('lane-a', worktree, 'removing')).toMatchObject({ removed: true, branchDeleted: true })
  })

  it('takes it away when a remote has the commits; the branch stays where git does not call it merged', async () => {
    const remote = join(folder, 'remote.git')
    repository.git('clone', '-q', '--bare', '.', remote)
    repository.git('remote', 'add', 'origin', remote)
    const worktree = await make('lane-a')
    repository.commit('work', { 'work.txt': 'work\n' }, worktree.path)
    repository.in(worktree.path, 'push', '-q', 'origin', 'HEAD')
    expect(await remove('lane-a', worktree)).toMatchObject({
      removed: true,
      branchDeleted: false,
      branchReason: expect.stringContaining('not fully merged'),
    })
    expect(repository.branches()).toContain(worktree.branch)
  })

  it('counts the commits of a detached HEAD, and not those of the branch itself', async () => {
    const worktree = await make('lane-a')
    repository.in(worktree.path, 'checkout', '-q', '--detach')
    repository.commit('loose', { 'loose.txt': 'loose\n' }, worktree.path)
    expect((await remove('lane-a', worktree)).reason?.code).toBe('unmerged')
  })

  it('leaves a branch that was there before, merged or not', async () => {
    repository.git('branch', 'topic')
    const worktree = await make('lane-a', 'topic')
    expect(await remove('lane-a', worktree)).toMatchObject({ removed: true, branchDeleted: false, branchReason: null })
    expect(repository.branches()).toEqual(['main', 'topic'])
  })

  const losses: [string, string, (worktree: LaneWorktree) => void][] = [
    ['a changed file', 'uncommitted', ({ path }) => writeFileSync(join(path, 'file.txt'), 'changed\n')],
    ['a deleted file', 'uncommitted', ({ path }) => rmSync(join(path, 'file.txt'))],
    ['an untracked file', 'uncommitted', ({ path }) => writeFileSync(join(path, 'new.txt'), 'new\n')],
    [
      'an untracked file that the configuration hides',
      'uncommitted',
      ({ path }) => {
        repository.git('config', 'status.showUntrackedFiles', 'no')
        writeFileSync(join(path, 'new.txt'), 'new\n')
      },
    ],
    [
      'a staged file',
      'uncommitted',
      ({ path }) => {
        writeFileSync(join(path, 'new.txt'), 'new\n')
        repository.in(path, 'add', 'new.txt')
      },
    ],
    [
      'a change git was told not to see',
      'uncommitted',
      ({ path }) => {
        repository.in(path, 'update-index', '--assume-unchanged', 'file.txt')
        writeFileSync(join(path, 'file.txt'), 'changed\n')
      },
    ],
    [
      'a stash made on its branch',
      'stashed',
      ({ path }) => {
        writeFileSync(join(path, 'file.txt'), 'changed\n')
        repository.in(path, 'stash', '-q')
      },
    ],
    ['a lock', 'locked', ({ path }) => void repository.git('worktree', 'lock', '--reason', 'mine', path)],
    [
      'a rebase under way',
      'operation_under_way',
      ({ path }) => {
        repository.commit('one', { 'file.txt': 'one\n' }, path)
        repository.commit('other', { 'file.txt': 'two\n' })
        expect(() => repository.in(path, 'rebase', 'main')).toThrow()
      },
    ],
    ['a .git file that is gone', 'not_a_worktree', ({ path }) => rmSync(join(path, '.git'))],
    [
      'a .git that leads to a configuration of its own',
      'not_a_worktree',
      ({ path }) => {
        rmSync(join(path, '.git'))
        repository.in(path, 'init', '-q')
        repository.in(path, 'config', 'core.fsmonitor', `touch ${folder}/escaped; false`)
        repository.in(path, 'config', 'filter.x.clean', `touch ${folder}/escaped; cat`)
        writeFileSync(join(path, '.gitattributes'), '* filter=x\n')
      },
    ],
    [
      'a submodule',
      'submodules',
      ({ path }) => {
        new TestRepository(join(folder, 'other'))
        repository.in(path, '-c', 'protocol.file.allow=always', 'submodule', '--quiet', 'add', join(folder, 'other'), 'sub')
      },
    ],
    ['a repository that is gone', 'workspace_missing', () => rmSync(repository.root, { recursive: true })],
  ]
  it.each(losses)('%s keeps it', async (_what, code, happen) => {
    const worktree = await make('lane-a')
    happen(worktree)
    rmSync(join(folder, 'escaped'), { force: true })
    const before = readFileSync(join(worktree.path, 'folder/other.txt'), 'utf8')
    expect(await remove('lane-a', worktree)).toMatchObject({ removed: false, branchDeleted: false, reason: { code } })
    expect(readFileSync(join(worktree.path, 'folder/other.txt'), 'utf8')).toBe(before)
    expect(existsSync(join(folder, 'escaped'))).toBe(false)
  })

  it('keeps one that somebody works in', async () => {
    const worktree = await make('lane-a')
    user = 'A codex process works in it'
    expect(await remove('lane-a', worktree)).toMatchObject({ removed: false, reason: { code: 'in_use', message: user } })
  })

  it('ignored files go with it', async () => {
    repository.commit('ignore', { '.gitignore': 'built/\n' })
    const worktree = await make('lane-a')
    mkdirSync(join(worktree.path, 'built'))
    writeFileSync(join(worktree.path, 'built', 'out.txt'), 'out')
    expect((await remove('lane-a', worktree)).removed).toBe(true)
  })

  it('counts one whose folder a person removed as gone', async () => {
    const worktree = await make('lane-a')
    rmSync(worktree.path, { recursive: true })
    expect(await remove('lane-a', worktree)).toMatchObject({ removed: true, branchDeleted: true })
    expect(repository.worktrees()).toEqual([repository.root])
    const emptied = await make('lane-b')
    for (const name of readdirSync(emptied.path)) rmSync(join(emptied.path, name), { recursive: true })
    expect(await remove('lane-b', emptied)).toMatchObject({ removed: true, branchDeleted: true })
    expect(existsSync(emptied.path)).toBe(false)
  })

  const cutOff = (worktree: LaneWorktree) => {
    writeFileSync(join(repository.data('lane-a'), 'codex-bridge.removing'), '')
    rmSync(join(worktree.path, 'folder'), { recursive: true, force: true })
    rmSync(join(worktree.path, '.git'))
  }

  it('that was cut off is brought to its end; files that are missing for another reason keep it', async () => {
    const worktree = await make('lane-a')
    rmSync(join(worktree.path, 'folder'), { recursive: true })
    expect((await remove('lane-a', worktree, 'removing')).reason?.code).toBe('uncommitted')
    cutOff(worktree)
    expect(await remove('lane-a', worktree, 'removing')).toMatchObject({ removed: true, branchDeleted: true })
    expect(repository.worktrees()).toEqual([repository.root])
  })

  it('that was cut off and whose folder is used again is kept', async () => {
    const worktree = await make('lane-a')
    cutOff(worktree)
    writeFileSync(join(worktree.path, 'new.txt'), 'new\n')
    expect((await remove('lane-a', worktree, 'removing')).reason?.code).toBe('uncommitted')
    expect(readFileSync(join(worktree.path, 'new.txt'), 'utf8')).toBe('new\n')
  })

  it('that was begun is forgotten when the lane is started again', async () => {
    const worktree = await make('lane-a')
    writeFileSync(join(repository.data('lane-a'), 'codex-bridge.removing'), '')
    await (await keeperOf()).create(request('lane-a', { ...worktree, state: 'removing' }))
    rmSync(join(worktree.path, 'folder'), { recursive: true })
    expect((await remove('lane-a', worktree)).reason?.code).toBe('uncommitted')
  })

  it('takes two lanes’ worktrees with the same unmerged commit only as far as nothing is lost', async () => {
    const [one, two] = [await make('lane-a'), await make('lane-b')]
    const commit = repository.commit('work', { 'work.txt': 'work\n' }, one.path)
    repository.in(two.path, 'reset', '-q', '--hard', commit)
    const outcomes = await Promise.all([remove('lane-a', one), remove('lane-b', two)])
    expect(outcomes.every(({ branchDeleted }) => !branchDeleted)).toBe(true)
    expect(repository.git('branch', '--contains', commit)).toMatch(/codex-bridge\/lane-[ab]/)
  })

  it('of a request older than the lane that is there now is refused', async () => {
    const worktree = await make('lane-a')
    const asked = request('lane-a', worktree)
    lanes.set('lane-a', { ...(lanes.get('lane-a') as LaneState), incarnation: 'evt_2' })
    expect(await refusal((await keeperOf()).remove(asked))).toBe('conflict')
    expect(existsSync(worktree.path)).toBe(true)
  })
})
