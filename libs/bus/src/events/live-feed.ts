import { subjects } from '@codex-bridge/contracts'
import type { Bus } from '../bus.ts'

/** A stored event as the server republishes it: `seq` and `previous` (of the same subject) come from the server's headers. */
export type LiveMessage = { seq: number; previous: number; subject: string; type: string; bytes: Uint8Array }

const natsNumber = (value: string | undefined): number => Number.parseInt(value ?? '', 10) || 0

/**
 * Subscribes to the republished log. Core NATS: nothing is kept for a subscriber that is away, so whoever needs every event
 * compares `previous` with what it has, and reads the range it missed.
 * @returns the way to stop
 */
export const subscribeLive = (bus: Bus, handle: (message: LiveMessage) => void): (() => void) => {
  const subscription = bus.nc.subscribe(subjects.liveEvents, {
    callback: (error, message) => {
      if (error) return
      handle({
        seq: natsNumber(message.headers?.get('Nats-Sequence')),
        previous: natsNumber(message.headers?.get('Nats-Last-Sequence')),
        subject: message.headers?.get('Nats-Subject') ?? message.subject.replace(/^lane\.live\./, 'lane.evt.'),
        type: message.headers?.get('Lane-Event-Type') ?? '',
        bytes: message.data,
      })
    },
  })
  return () => subscription.unsubscribe()
}

/** Token and output deltas: lossy by contract, never stored. */
export const publishDelta = (bus: Bus, laneId: string, delta: Record<string, unknown>): void => {
  if (bus.connected()) bus.nc.publish(subjects.delta(laneId), JSON.stringify(delta))
}

export const subscribeDeltas = (bus: Bus, handle: (laneId: string, bytes: Uint8Array) => void): (() => void) => {
  const subscription = bus.nc.subscribe(subjects.deltas, {
    callback: (error, message) => {
      if (!error) handle(message.subject.slice('lane.delta.'.length), message.data)
    },
  })
  return () => subscription.unsubscribe()
}
