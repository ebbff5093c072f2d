import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { decodeEvent, EventLog, followEvents, LEASE_TTL_MS } from '@codex-bridge/bus'
import { subjects } from '@codex-bridge/contracts'
import { hostIdentity } from '@codex-bridge/platform'
import { configOrExit, connectService, createContext, openLeases, runService } from '@codex-bridge/service-kit'
import { AppServerLauncher } from './codex/app-server-launcher.ts'
import { ChildRegistry } from './codex/child-registry.ts'
import { CodexProbe } from './codex/codex-probe.ts'
import { RunnerConfig } from './config.ts'
import { serveRunner } from './endpoints.ts'
import { ProcessScanner } from './host/process-scanner.ts'
import { Runner } from './runner.ts'
import type { RunnerContext } from './runner-context.ts'
import { HeldSessions } from './sessions/held-sessions.ts'
import { DetachedThreads } from './threads/detached-threads.ts'
import { OriginatorReader } from './threads/originator-reader.ts'
import { GitClient } from './workspace/git/git-client.ts'
import { WorkspacePolicy } from './workspace/workspace-policy.ts'
import { WorktreeService } from './workspace/worktree-service.ts'

const config = configOrExit(RunnerConfig)
const service = createContext('session-runner', config)
const { logger, instance: runnerId } = service

await runService(logger, async (started) => {
  const children = new ChildRegistry(config.BRIDGE_DATA_DIR, runnerId)
  const reaped = children.reap()
  if (reaped.length > 0) logger.warn({ pids: reaped }, 'ended app-servers that an earlier run left behind')
  const bus = await connectService(service, config)
  started({ name: 'bus', stop: () => bus.close() })
  const log = new EventLog(bus)
  const codexHome = config.CODEX_HOME ?? join(homedir(), '.codex')
  const launcher = new AppServerLauncher({ codexHome, children, logger, rpcTimeoutMs: config.BRIDGE_RPC_TIMEOUT_MS })
  const probe = new CodexProbe(launcher, logger)
  started({ name: 'probe', stop: () => probe.stop() })
  const workspaces = new WorkspacePolicy(config.BRIDGE_ALLOWED_ROOTS)
  const sessions = new HeldSessions()
  const scanner = new ProcessScanner({
    runnerId,
    host: hostIdentity(),
    codexHome,
    switchedOff: config.BRIDGE_PROCESS_VIEW === 'off',
    launcher,
    sessions,
  })
  const originators = new OriginatorReader()
  const leases = await openLeases(bus, service)
  const context: RunnerContext = { runnerId, config, bus, log, leases, launcher, scanner, originators, workspaces, logger }
  const runner = new Runner(context, sessions)

  const worktrees = new WorktreeService({
    git: new GitClient(config.BRIDGE_GIT_TIMEOUT_MS),
    workspaces,
    leases,
    folder: config.BRIDGE_WORKTREES_DIR ?? resolve(config.BRIDGE_DATA_DIR, 'worktrees'),
    patienceMs: config.BRIDGE_GIT_TIMEOUT_MS + LEASE_TTL_MS,
    log,
    scanner,
    logger,
  })

  const ending = new AbortController()
  const follow = {
    from: (await log.extent()).lastSeq + 1,
    filter: subjects.aggregateEvents('approval'),
    signal: ending.signal,
    decode: decodeEvent,
  }
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
  const detached = new DetachedThreads(context)
  started({ name: 'detached threads', stop: () => detached.stop() })
  void probe.start()
  await runner.recoverOwn()
  started({ name: 'endpoints', stop: await serveRunner(context, { runner, sessions, worktrees, detached, probe }) })
})
