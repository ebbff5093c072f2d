import { type Bus, type Endpoints, serve } from '@codex-bridge/bus'
import { RegistryRequests } from '@codex-bridge/contracts'
import { BRIDGE_VERSION, type Logger, logServed } from '@codex-bridge/service-kit'
import type { RunnerSurvey } from './watch/runner-survey.ts'
import type { ThreadWatcher } from './watch/thread-watcher.ts'

export type LeaderParts = { bus: Bus; watcher: ThreadWatcher; survey: RunnerSurvey; logger: Logger; instance: string }

/** Puts on the bus what only the leader can answer: it alone has the watcher and the whole projection. */
export const serveLeader = ({ bus, watcher, survey, logger, instance }: LeaderParts): Promise<Endpoints> =>
  serve(
    bus,
    { name: 'lane-registry-leader', version: BRIDGE_VERSION, service: 'registry', metadata: { instance } },
    RegistryRequests,
    {
      'watch-status': () => watcher.status(),
      'watch-start': (request) => watcher.start(request),
      'watch-stop': () => watcher.stop(),
      'watch-tick': () => watcher.tick(),
      'running-codex': (request) => survey.running(request),
    },
    { observe: logServed(logger) },
  )
