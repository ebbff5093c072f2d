import { freePortFrom } from '../bridge/ports.ts'
import { ChildStartError } from '../supervision/child-spec.ts'

const PORTS_TRIED = 5
const TAKEN = /address already in use/i

/**
 * Starts a server on the first free port from `wanted` on and returns that port. Another process may take a free port before the
 * server binds it; then the next one is tried.
 */
export const startOnFreePort = async (
  wanted: number,
  avoid: readonly number[],
  start: (port: number) => Promise<void>,
): Promise<number> => {
  let from = wanted
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePortFrom(from, avoid)
    try {
      await start(port)
      return port
    } catch (error) {
      const taken = error instanceof ChildStartError && error.evidence.some((line) => TAKEN.test(line))
      if (!taken || attempt === PORTS_TRIED) throw error
      from = port + 1
    }
  }
}
