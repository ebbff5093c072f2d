import type { StoredEvent } from '@codex-bridge/contracts'
import { sampleEvent } from '@codex-bridge/testkit'

export { type Broker, startBroker } from '../src/testing/index.ts'

let made = 0

/** A type of every aggregate. */
export const TYPE_OF = { lane: 'lane.updated', session: 'lane.session.claimed', approval: 'lane.approval.requested' } as const

/** A valid event of a type, default `lane.updated`. `n` is kept in payload and state. */
export const eventOf = (laneId: string, n: number, { type = 'lane.updated', payload, ...more }: Partial<StoredEvent> = {}): StoredEvent => {
  made += 1
  const sample = sampleEvent(type, { n, ...payload })
  return {
    ...sample,
    id: `evt_${process.pid}x${made}`,
    ts: new Date().toISOString(),
    laneId,
    threadId: null,
    sessionId: null,
    state: { ...sample.state, laneId, n },
    ...more,
  }
}
