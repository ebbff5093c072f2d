import { expect, field, textAt } from '../expectation.ts'
import { type Delivery, isSigned } from '../hook-receiver.ts'
import type { SmokeContext } from '../smoke-context.ts'
import type { MainLane } from './lane-flow.ts'

const SECRET = 'the secret of a smoke test'
const STOPPED = 'lane.session.stopped'

type Kind = { name: string; events: string[]; scope: Record<string, unknown>; scopeKinds: string[] }

/** A subscription of every kind of scope the contract names, and one whose scopes exclude each other. */
const kindsOf = ({ laneId, threadId }: MainLane, otherLane: string): Kind[] => [
  { name: 'global', events: [STOPPED, 'webhook.test'], scope: {}, scopeKinds: [] },
  { name: 'lane', events: ['lane.*'], scope: { laneId }, scopeKinds: ['lane'] },
  { name: 'lanes', events: ['lane.session.*'], scope: { laneIds: [otherLane, laneId] }, scopeKinds: ['lane'] },
  { name: 'thread', events: [STOPPED], scope: { threadId }, scopeKinds: ['thread'] },
  { name: 'session', events: [STOPPED], scope: { sessionId: laneId }, scopeKinds: ['session'] },
  {
    name: 'combined',
    events: ['*'],
    scope: { laneIds: [laneId], threadIds: [threadId], sessionIds: [laneId] },
    scopeKinds: ['lane', 'thread', 'session'],
  },
]

/** Webhooks of every kind of scope: subscribed, delivered, signed, recorded. What they tell of is the stop of the session. */
export const webhookFlow = async (smoke: SmokeContext, lane: MainLane): Promise<void> => {
  const { journal, receiver, made } = smoke
  const otherLane = `${smoke.prefix}-nobody`
  const kinds = kindsOf(lane, otherLane)
  const idOf = new Map<string, string>()
  const subscribe = async ({ name, events, scope }: Omit<Kind, 'scopeKinds'>): Promise<unknown> => {
    const body = { url: receiver.urlOf(name), events, scope, enabled: true, secret: SECRET }
    const made201 = await smoke.send('POST', '/webhooks', 201, body)
    idOf.set(name, textAt(made201, 'id'))
    made.webhooks.add(textAt(made201, 'id'))
    return made201
  }
  const arrived = (name: string): Delivery | undefined =>
    receiver.deliveries.find((delivery) => {
      const { eventType, laneId } = delivery.envelope
      return delivery.name === name && eventType === STOPPED && laneId === lane.laneId
    })
  await journal.check(`webhooks can be subscribed: ${kinds.map(({ name }) => name).join(', ')}`, async () => {
    for (const kind of kinds) {
      const webhook = await subscribe(kind)
      expect(String(field(webhook, 'scopeKinds')) === String(kind.scopeKinds), webhook)
      expect(field(webhook, 'lastDeliveryAt') === null && field(webhook, 'secret') !== SECRET, webhook)
    }
    await subscribe({ name: 'excluded', events: ['*'], scope: { laneId: otherLane, threadId: lane.threadId } })
  })
  await journal.check('a test event reaches its webhook', async () => {
    await smoke.send('POST', `/webhooks/${idOf.get('global')}/test`, 202, {})
    const read = async () => receiver.deliveries.find(({ name, envelope }) => name === 'global' && envelope['eventType'] === 'webhook.test')
    await smoke.until(read, (delivery) => delivery !== undefined, 'webhook.test')
  })
  await journal.check('the session stops', async () => {
    const session = await smoke.send('POST', `/lanes/${lane.laneId}/session/stop`, 200, {})
    expect(field(session, 'running') === false, session)
    const status = await smoke.send('GET', `/lanes/${lane.laneId}/session/status`, 200)
    expect(field(status, 'running') === false && field(status, 'activeTurnId') === null, status)
  })
  for (const { name } of kinds) {
    await journal.check(`${name}: its end is delivered, signed, in the envelope of the contract`, async () => {
      const read = async (): Promise<Delivery | undefined> => arrived(name)
      const delivery = (await smoke.until(read, (found) => found !== undefined, 'the delivery')) as Delivery
      const { envelope } = delivery
      expect(envelope['eventKey'] === `${idOf.get(name)}:${String(envelope['eventId'])}`, envelope)
      expect(envelope['source'] === 'oai-app-proxy' && envelope['subscriptionId'] === idOf.get(name), envelope)
      expect(envelope['threadId'] === lane.threadId && envelope['sessionId'] === lane.laneId, envelope)
      expect(isSigned(delivery, SECRET), delivery.headers)
    })
  }
  await journal.check('lastDeliveryAt is updated, on each, and no error recorded', async () => {
    for (const { name } of kinds) {
      const read = (): Promise<unknown> => smoke.send('GET', `/webhooks/${idOf.get(name)}`, 200)
      const webhook = await smoke.until(read, (found) => typeof field(found, 'lastDeliveryAt') === 'string', `lastDeliveryAt of ${name}`)
      expect(field(webhook, 'lastError') === null, webhook)
    }
  })
  await journal.check('a webhook whose scopes exclude the event got nothing', async () => {
    expect(
      receiver.deliveries.every(({ name }) => name !== 'excluded'),
      receiver.deliveries.filter(({ name }) => name === 'excluded'),
    )
  })
}
