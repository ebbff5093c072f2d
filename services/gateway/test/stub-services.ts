import type { Bus } from '@codex-bridge/bus'
import { Approvals, Registry, Sessions, type VerbGroup, Webhooks } from '@codex-bridge/contracts'
import { type Answers, serveApprovals, serveRegistry, serveSession, serveWebhooks } from './gateway-fixture.ts'

export type StubServices = {
  /** The requests received, oldest first. */
  requests: Record<string, unknown>[]
  stop(): Promise<void>
}

/** Stubs of all services: every verb replies with a sample that fits its schema. Lane `a` has a session. */
export const startStubServices = async (bus: Bus, overrides: { registry?: Answers } = {}): Promise<StubServices> => {
  const requests: Record<string, unknown>[] = []
  const recorded = (verbs: VerbGroup): Answers => Object.fromEntries(Object.keys(verbs).map((name) => [name, record]))
  const record = (request: Record<string, unknown>) => {
    requests.push(request)
    return {}
  }
  const endpoints = [
    await serveRegistry(bus, { ...recorded(Registry), ...overrides.registry }),
    await serveApprovals(bus, recorded(Approvals)),
    await serveWebhooks(bus, recorded(Webhooks)),
    serveSession(bus, 'a', recorded(Sessions)),
  ]
  return {
    requests,
    stop: async () => {
      await Promise.all(endpoints.map((endpoint) => endpoint.stop(100)))
    },
  }
}
