import { serve } from '@codex-bridge/bus'
import { Codex, type RunnerInfo, Runners } from '@codex-bridge/contracts'
import { BRIDGE_VERSION, logServed } from '@codex-bridge/service-kit'
import type { CodexProbe } from './codex/codex-probe.ts'
import type { Runner } from './runner.ts'
import type { RunnerContext } from './runner-context.ts'
import type { HeldSessions } from './sessions/held-sessions.ts'
import type { DetachedThreads } from './threads/detached-threads.ts'
import type { WorktreeService } from './workspace/worktree-service.ts'

export type RunnerParts = {
  runner: Runner
  sessions: HeldSessions
  worktrees: WorktreeService
  detached: DetachedThreads
  probe: CodexProbe
}

/** Puts the runner's verbs on the bus. Those of a live session are served by the session itself. @returns what takes them off again */
export const serveRunner = async (context: RunnerContext, parts: RunnerParts): Promise<() => Promise<void>> => {
  const { bus, runnerId, scanner, workspaces, logger } = context
  const { runner, sessions, worktrees, detached, probe } = parts
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
      describeRunner: () => describeRunner(context, probe, sessions),
      running: () => scanner.scan(),
      checkPaths: ({ paths }) => ({ runnerId, missing: workspaces.missing(paths) }),
    },
    { observe, everyone: true },
  )
  const calls = await serve(bus, about, Codex, { call: (request) => detached.call(request) }, { observe })
  return async () => {
    await Promise.all([commands.stop(), information.stop(), calls.stop()])
  }
}

const describeRunner = ({ runnerId, launcher, config }: RunnerContext, { findings }: CodexProbe, sessions: HeldSessions): RunnerInfo => ({
  runnerId,
  codexHome: launcher.codexHome,
  ...findings,
  codexVersions: launcher.versions(findings.codexVersion),
  sessions: sessions.size,
  capacity: config.BRIDGE_RUNNER_CAPACITY,
})
