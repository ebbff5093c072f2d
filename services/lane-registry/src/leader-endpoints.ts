import { type Bus, type Endpoints, serve } from '@codex-bridge/bus'
import { Registry } from '@codex-bridge/contracts'
import { BRIDGE_VERSION, type Logger, logServed } from '@codex-bridge/service-kit'
import type { RunnerSurvey } from './watch/runner-survey.ts'
import type { ThreadWatcher } from './watch/thread-watcher.ts'

export type LeaderParts = { bus: Bus; watcher: ThreadWatcher; survey: RunnerSurvey; logger: Logger; instance: string }

/** Puts on the bus what only the leader can answer: it alone has the watcher and the whole projection. */
export const serveLeader = ({ bus, watcher, survey, logger, instance }: LeaderParts): Promise<Endpoints> =>
  serve(
    bus,
    { name: 'lane-registry-leader', version: BRIDGE_VERSION, metadata: { instance } },
    Registry,
    {
      watchStatus: () => watcher.status(),
      watchStart: (request) => watcher.start(request),
      watchStop: () => watcher.stop(),
      watchTick: () => watcher.tick(),
      runningCodex: (request) => survey.running(request),
    },
    { observe: logServed(logger) },
  )
