import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { EventLog, followEvents, LEASE_TTL_MS, serve } from '@codex-bridge/bus'
import { Codex, type LaneState, Runners, subjects } from '@codex-bridge/contracts'
import {
  BRIDGE_VERSION,
  configOrExit,
  connectService,
  createContext,
  hostIdentity,
  logServed,
  openLeases,
  runService,
} from '@codex-bridge/service-kit'
import { AppServerLauncher } from './codex/app-server-launcher.ts'
import { ChildRegistry } from './codex/child-registry.ts'
import { CodexProbe } from './codex/codex-probe.ts'
import { RunnerConfig, takeoverSettings } from './config.ts'
import { ProcessScanner } from './host/process-scanner.ts'
import { Runner } from './runner.ts'
import { DetachedThreads } from './threads/detached-threads.ts'
import { OriginatorReader } from './threads/originator-reader.ts'
import { GitClient } from './workspace/git/git-client.ts'
import { WorkspacePolicy } from './workspace/workspace-policy.ts'
import { WorktreeService } from './workspace/worktree-service.ts'

const config = configOrExit(RunnerConfig)
const context = createContext('session-runner', config)
const { logger, instance: runnerId } = context

await runService(logger, async (started) => {
  const children = new ChildRegistry(config.BRIDGE_DATA_DIR, runnerId)
  const reaped = children.reap()
  if (reaped.length > 0) logger.warn({ pids: reaped }, 'ended app-servers that an earlier run left behind')
  const bus = await connectService(context, config)
  started({ name: 'bus', stop: () => bus.close() })
  const log = new EventLog(bus)
  const codexHome = config.CODEX_HOME ?? join(homedir(), '.codex')
  const launcher = new AppServerLauncher({ codexHome, children, logger, rpcTimeoutMs: config.BRIDGE_RPC_TIMEOUT_MS })
  const probe = new CodexProbe(launcher, logger)
  started({ name: 'probe', stop: () => probe.stop() })
  const workspaces = new WorkspacePolicy(config.BRIDGE_ALLOWED_ROOTS)
  const sight: ProcessScanner = new ProcessScanner({
    runnerId,
    host: hostIdentity(),
    codexHome,
    switchedOff: config.BRIDGE_PROCESS_VIEW === 'off',
    isOwn: (pid) => launcher.owns(pid),
    ownThreads: () => runner.loadedThreads(),
  })
  const originators = new OriginatorReader()
  const leases = await openLeases(bus, context)
  const runner = new Runner({ bus, log, leases, launcher, probe, sight, originators, workspaces, config, runnerId, logger })

  const worktrees = new WorktreeService({
    git: new GitClient(config.BRIDGE_GIT_TIMEOUT_MS),
    workspaces,
    leases,
    folder: config.BRIDGE_WORKTREES_DIR ?? resolve(config.BRIDGE_DATA_DIR, 'worktrees'),
    patienceMs: config.BRIDGE_GIT_TIMEOUT_MS + LEASE_TTL_MS,
    laneOf: async (laneId) => (await log.last(laneId, 'lane'))?.state as LaneState | undefined,
    inUse: (path) => sight.userOf(path),
    logger,
  })

  const ending = new AbortController()
  const follow = { from: (await log.extent()).lastSeq + 1, filter: subjects.aggregateEvents('approval'), signal: ending.signal }
  const following = followEvents(bus, { ...follow, observe: (problem) => logger.warn({ problem }, 'approvals') }, async (event) =>
    runner.decided(event),
  )
  started({
    name: 'approvals',
    stop: async () => {
      ending.abort()
      await following
    },
  })
  started({ name: 'sessions', stop: () => runner.stop() })
  const pool = new DetachedThreads({
    launcher,
    logger,
    sight,
    takeover: takeoverSettings(config),
    originators,
    rpcTimeoutMs: config.BRIDGE_RPC_TIMEOUT_MS,
  })
  started({ name: 'codex pool', stop: () => pool.stop() })
  void probe.start()
  await runner.recoverOwn()
  const about = { name: 'session-runner', version: BRIDGE_VERSION, metadata: { runnerId } }
  const observe = logServed(logger)
  const commands = await serve(
    bus,
    about,
    Runners,
    {
      claim: (request) => runner.claim(request),
      recover: (request) => runner.recover(request),
      planWorktree: (request) => worktrees.plan(request),
      createWorktree: (request) => worktrees.create(request),
      removeWorktree: (request) => worktrees.remove(request),
    },
    { observe },
  )
  const information = await serve(
    bus,
    about,
    Codex,
    {
      describeRunner: () => runner.describe(),
      running: () => sight.look(),
      checkPaths: ({ paths }) => ({ runnerId, missing: workspaces.missing(paths) }),
    },
    { observe, everyone: true },
  )
  const calls = await serve(bus, about, Codex, { call: (request) => pool.call(request) }, { observe })
  started({
    name: 'endpoints',
    stop: async () => {
      await Promise.all([commands.stop(), information.stop(), calls.stop()])
    },
  })
})
