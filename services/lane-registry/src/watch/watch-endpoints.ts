import { type Bus, type Endpoints, serve } from '@codex-bridge/bus'
import { Registry } from '@codex-bridge/contracts'
import { BRIDGE_VERSION, type Logger, logServed } from '@codex-bridge/service-kit'
import type { ThreadWatcher } from './thread-watcher.ts'

/** Serves what only the leader can answer, because only the leader runs the watcher. */
export const serveWatch = (parts: { bus: Bus; watcher: ThreadWatcher; logger: Logger; instance: string }): Promise<Endpoints> => {
  const { bus, watcher, logger, instance } = parts
  return serve(
    bus,
    { name: 'lane-registry-leader', version: BRIDGE_VERSION, metadata: { instance } },
    Registry,
    {
      watchStatus: () => watcher.status(),
      watchStart: (request) => watcher.start(request),
      watchStop: () => watcher.stop(),
      watchTick: () => watcher.tick(),
    },
    { observe: logServed(logger) },
  )
}
