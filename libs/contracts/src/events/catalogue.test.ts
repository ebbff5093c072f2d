import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { AGGREGATES, type Aggregate } from '../foundation/ids.ts'
import { aggregateOf, EVENTS, isEventOf, notificationEventType, schemaOf } from './catalogue.ts'
import type { StoredEvent } from './envelope.ts'
import { parseEnvelope, parseEvent } from './parse-event.ts'
import { matchesPattern } from './pattern.ts'

const catalogue: [string, Aggregate][] = AGGREGATES.flatMap((aggregate) =>
  Object.keys(EVENTS[aggregate]).map((type): [string, Aggregate] => [type, aggregate]),
)

describe('the event catalogue', () => {
  it.each(catalogue)('%s belongs to the %s aggregate alone', (type, aggregate) => {
    expect(schemaOf(type)?.aggregate).toBe(aggregate)
    expect(catalogue.filter(([other]) => other === type)).toHaveLength(1)
    expect(matchesPattern('lane.*', type)).toBe(true)
  })

  it.each([
    ['turn/started', 'lane.turn.started.notification'],
    ['turn/completed', 'lane.turn.completed.notification'],
    ['item/completed', 'lane.item.completed.notification'],
    ['thread/tokenUsage/updated', 'lane.thread.tokenUsage.updated.notification'],
    ['error', 'lane.error.notification'],
    ['a b\r\nX: ü', 'lane.a_b__X___.notification'],
    ['long/'.repeat(100), `lane.${'long.'.repeat(26).slice(0, 128)}.notification`],
  ])('a forwarded %s is %s, belongs to the session, and is never one of our own types', (method, type) => {
    expect(notificationEventType(method)).toBe(type)
    expect(schemaOf(type)?.aggregate).toBe('session')
    expect(catalogue.map(([own]) => own)).not.toContain(type)
  })
})

const samples = new URL('../../test/samples/', import.meta.url)
const stored = readdirSync(samples).flatMap((version) =>
  readdirSync(new URL(`${version}/`, samples)).map((file): [string, StoredEvent] => [
    `${version}/${file}`,
    JSON.parse(readFileSync(new URL(`${version}/${file}`, samples), 'utf8')) as StoredEvent,
  ]),
)
const sampleOf = (type: string): StoredEvent => stored.find(([, sample]) => sample.type === type)?.[1] as StoredEvent

describe('stored samples of every version', () => {
  it('there is one of every type, and of forwarded notifications', () => {
    const types = new Set(stored.map(([, sample]) => sample.type))
    for (const [type] of catalogue) expect(types, type).toContain(type)
    expect([...types].filter((type) => type.endsWith('.notification')).length).toBeGreaterThan(5)
  })

  it.each(stored)('%s still parses, with its payload and its state', (name, sample) => {
    const { event, problem } = parseEvent(sample, 7)
    expect(problem).toBeUndefined()
    expect(event).toEqual({ seq: 7, ...sample })
    expect(name).toContain(`/${sample.type}.json`)
    expect(event && aggregateOf(event)).toBe(schemaOf(sample.type)?.aggregate)
    expect(event?.state).toMatchObject({ laneId: sample.laneId })
  })

  it.each(catalogue)('a payload of %s without its required fields, or with one of the wrong type, is refused', (type) => {
    const sample = sampleOf(type)
    const fields = Object.keys(schemaOf(type)?.payload.properties ?? {}).filter((field) => field in sample.payload)
    expect(fields.length).toBeGreaterThan(0)
    const required = (schemaOf(type)?.payload as { required?: string[] } | undefined)?.required ?? []
    if (required.length > 0) expect(parseEvent({ ...sample, payload: {} }, 1).problem).toContain(`payload of ${type}`)
    for (const field of required) {
      const payload = { ...sample.payload, [field]: Symbol.for('wrong') }
      expect(parseEvent({ ...sample, payload }, 1).problem, field).toContain(`payload of ${type}: /${field}`)
    }
  })

  it.each(catalogue)('%s with a state that is not of its aggregate is refused', (type) => {
    expect(parseEvent({ ...sampleOf(type), state: { laneId: 'a' } }, 1).problem).toContain(`state of ${type}`)
  })
})

describe('an event of a newer version', () => {
  const newer = (aggregate: Aggregate, change: object = {}) => {
    const [type] = catalogue.find(([, owner]) => owner === aggregate) ?? ['']
    return { ...sampleOf(type), type: 'lane.invented.later', payload: { anything: [1] }, ...change }
  }

  it.each(AGGREGATES)('keeps its payload unread and has the state of its aggregate: %s', (aggregate) => {
    const { event } = parseEvent(newer(aggregate), 3)
    expect(event).toEqual({ seq: 3, ...newer(aggregate) })
    expect(event && AGGREGATES.filter((each) => isEventOf(event, each))).toEqual([aggregate])
  })

  it('of a known type may carry more fields than this version knows', () => {
    const sample = sampleOf('lane.turn.completed')
    const body = { ...sample, later: 1, payload: { ...sample.payload, later: 1 }, state: { ...sample.state, later: 1 } }
    expect(parseEvent(body, 1).event).toEqual({ seq: 1, ...body })
  })

  it('of an aggregate that is unknown here belongs to none', () => {
    const { event } = parseEvent(newer('lane', { state: { budget: 1 } }), 3)
    expect(event && aggregateOf(event)).toBeUndefined()
  })

  it('with a state this version cannot read is refused, but can still be forwarded', () => {
    const body = newer('session', { state: { ...sampleOf('lane.session.started').state, phase: 'paused' } })
    expect(parseEvent(body, 3).problem).toContain('state of lane.invented.later: /phase')
    expect(parseEnvelope(body, 3).event).toEqual({ seq: 3, ...body })
  })

  it('outside lane.* is no event', () => {
    expect(parseEvent(newer('lane', { type: 'webhook.test' }), 1).problem).toBe('unknown type webhook.test')
  })
})

it.each([null, [], 'text', {}, { id: 'evt_1' }])('%j is no event', (body) => {
  expect(parseEnvelope(body, 1).problem).toContain('not an event')
  expect(parseEvent(body, 1).event).toBeUndefined()
})
