import { type Bus, connectBus } from '@codex-bridge/bus'
import { EVENTS } from '@codex-bridge/contracts'
import { waitFor } from '@codex-bridge/testkit'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type BridgeFixture, startBridgeFixture } from '../support/bridge-fixture.ts'
import { BusDocument, type SeenMessage } from '../support/bus-document.ts'
import { Lanes } from '../support/lanes-fixture.ts'

let fixture: BridgeFixture
let lanes: Lanes
let tap: Bus
let document: BusDocument
const seen: SeenMessage[] = []

/**
 * Events as stored and live, deltas, requests, and the replies to them. Of the session verbs only `prompt`: a subscriber of the
 * others would answer for the missing owner of a lane, because NATS then reports no "no responders".
 */
const TAPPED = [
  'lane.evt.>',
  'lane.live.>',
  'lane.delta.>',
  ...['registry', 'runner', 'codex', 'approvals', 'webhooks'].map((service) => `lane.cmd.${service}.*`),
  'lane.cmd.session.*.prompt',
  '_INBOX.>',
]
const listen = (bus: Bus): void => {
  const asked = new Map<string, string>()
  for (const subject of TAPPED) {
    bus.nc.subscribe(subject, {
      callback: (error, message) => {
        if (error || message.data.length === 0) return
        const answers = asked.get(message.subject)
        // Inboxes also get what JetStream delivers to its consumers.
        if (subject === '_INBOX.>' && answers === undefined) return
        if (message.reply && message.subject.startsWith('lane.cmd.')) asked.set(message.reply, message.subject)
        const headers = Object.fromEntries([...(message.headers ?? [])].map(([name, values]) => [name, values[0] ?? '']))
        seen.push({ subject: message.subject, headers, body: message.json(), ...(answers !== undefined && { answers }) })
      },
    })
  }
}

beforeAll(async () => {
  fixture = await startBridgeFixture({ paceMs: 5 })
  lanes = new Lanes(fixture)
  document = await BusDocument.read(fixture.http)
  const { natsUrl } = fixture.bridge
  tap = await connectBus({ url: natsUrl, role: 'migrator', instance: 'tap', ...fixture.bridge.credentials('migrator') })
  listen(tap)
  await tap.nc.flush()
})

afterAll(async () => {
  await tap?.close()
  await fixture?.dispose()
})

test('every message seen on the bus is what /asyncapi.json says', async () => {
  await lanes.start('seen', { kickoffPrompt: '#say hello from the model' })
  await lanes.untilStatus('seen', 'done')
  await lanes.prompt('seen', `#ask-run touch ${fixture.workspace('seen')}/made\n#say it is there`)
  const [approval] = await lanes.untilAsked('seen')
  expect((await lanes.post('seen', `approvals/${approval?.approvalId}/approve`)).status).toBe(200)
  await lanes.until('seen', 'lane.approval.delivered')
  await lanes.untilStatus('seen', 'done')
  expect((await lanes.post('seen', 'interrupt')).status).toBe(409)
  expect((await lanes.post('seen', 'session/stop')).status).toBe(200)
  const webhook = await fixture.http.post<{ id: string }>('/webhooks', { url: 'http://127.0.0.1:9/', events: ['*'] })
  expect(webhook.status).toBe(201)
  for (const path of [
    '/lanes',
    '/lanes/sessions',
    '/webhooks',
    '/health',
    '/codex/threads',
    '/codex/running',
    '/watch/status',
    '/lanes/none',
  ]) {
    await fixture.http.get(path)
  }
  expect((await fixture.http.delete('/lanes/seen')).status).toBe(204)
  await waitFor(() => seen.some(({ headers }) => headers['Lane-Event-Type'] === 'lane.deleted'))

  const wrong = seen.flatMap((message) => {
    const problem = document.problemOf(message)
    return problem === undefined ? [] : [`${message.answers ?? message.subject} ${message.headers['Lane-Event-Type'] ?? ''}: ${problem}`]
  })
  expect([...new Set(wrong)]).toEqual([])

  const countOf = (prefix: string) => seen.filter(({ subject }) => subject.startsWith(prefix)).length
  for (const prefix of ['lane.evt.', 'lane.live.', 'lane.delta.', 'lane.cmd.']) expect([prefix, countOf(prefix)]).not.toEqual([prefix, 0])
  expect(countOf('lane.live.')).toBe(countOf('lane.evt.'))
  expect(seen.filter(({ answers }) => answers !== undefined).length).toBeGreaterThan(20)
  const types = new Set(seen.map(({ headers }) => headers['Lane-Event-Type']))
  const named = Object.values(EVENTS)
    .flatMap((schemas) => Object.keys(schemas))
    .filter((type) => types.has(type))
  expect(named.length).toBeGreaterThan(14)
})
