import { setTimeout as sleep } from 'node:timers/promises'
import { BridgeError, verbsOf } from '@codex-bridge/contracts'
import { Type } from 'typebox'
import { RawJson } from '../src/requests/endpoint.ts'

const pairs = {
  echo: {
    request: Type.Object({ text: Type.String() }, { additionalProperties: false }),
    reply: Type.Object({ text: Type.String(), name: Type.String() }),
  },
  refuse: { request: Type.Object({}), reply: Type.Unknown() },
  fail: { request: Type.Object({}), reply: Type.Unknown() },
  slow: { request: Type.Object({ ms: Type.Integer() }), reply: Type.Object({ ms: Type.Integer() }) },
  raw: { request: Type.Object({}), reply: Type.Object({ a: Type.Integer() }) },
  rawText: {
    request: Type.Object({ text: Type.String() }),
    reply: Type.Object({ a: Type.Integer({ minimum: 1 }), b: Type.Optional(Type.String()) }),
  },
  nothing: { request: Type.Object({}), reply: Type.Unknown() },
  large: { request: Type.Object({}), reply: Type.Unknown() },
  unprintable: { request: Type.Object({}), reply: Type.Unknown() },
}
export const One = verbsOf('registry', pairs)
export const Other = verbsOf('approvals', pairs)
export const Everyone = verbsOf('codex', pairs)
export const OfLane = verbsOf('session', pairs)

/** How many requests the slow handlers have taken. */
export const slowCalls = { count: 0 }

export const handlers = (name: string) => ({
  echo: ({ text }: { text: string }) => ({ text, name }),
  refuse: async () => {
    await sleep(1)
    throw new BridgeError('lane_exists', 'there is one', { details: { laneId: 'a' } })
  },
  fail: async () => {
    await sleep(1)
    throw new Error('secret: /root/.ssh')
  },
  slow: async ({ ms }: { ms: number }) => {
    slowCalls.count += 1
    await sleep(ms)
    return { ms }
  },
  raw: () => new RawJson('{"a" : 1}'),
  rawText: ({ text }: { text: string }) => new RawJson(text),
  nothing: () => undefined,
  large: () => ({ text: 'x'.repeat(3 * 1024 * 1024) }),
  unprintable: () => {
    const details: Record<string, unknown> = {}
    details['self'] = details
    throw new BridgeError('conflict', 'circular', { details })
  },
})
export const about = (service: string) => ({ name: `test-${service}`, version: '0.1.0' })
