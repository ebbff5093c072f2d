import type { StoredEvent } from '@codex-bridge/contracts'

export { type Broker, startBroker } from '../src/testing/index.ts'

let made = 0

/** An event of the right form. `n` is kept in payload and state. */
export const eventOf = (laneId: string, n: number, more: Partial<StoredEvent> = {}): StoredEvent => {
  made += 1
  return {
    id: `evt_${process.pid}x${made}`,
    ts: new Date().toISOString(),
    type: 'lane.updated',
    laneId,
    threadId: null,
    sessionId: null,
    payload: { n },
    state: { n },
    ...more,
  }
}
