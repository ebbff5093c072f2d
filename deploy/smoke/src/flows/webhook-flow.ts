import type { ReceivedRequest } from '@codex-bridge/testkit'
import { Webhook } from 'standardwebhooks'
import { expect, field, textAt } from '../expectation.ts'
import type { SmokeContext } from '../smoke-context.ts'
import type { MainLane } from './lane-flow.ts'

const SECRET = 'the secret of a smoke test'
const STOPPED = 'lane.session.stopped'

type Kind = { name: string; events: string[]; scope: Record<string, unknown>; scopeKinds: string[] }

/** A subscription for every kind of scope in the contract. */
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

/** Webhooks of every kind of scope are subscribed, delivered, signed and recorded; the event is the stop of the session. */
export const webhookFlow = async (smoke: SmokeContext, lane: MainLane): Promise<void> => {
  const { report, receiver, created } = smoke
  const otherLane = `${smoke.prefix}-nobody`
  const kinds = kindsOf(lane, otherLane)
  const idOf = new Map<string, string>()
  const subscribe = async ({ name, events, scope }: Omit<Kind, 'scopeKinds'>): Promise<unknown> => {
    const body = { url: receiver.url(`/${name}`), events, scope, enabled: true, secret: SECRET }
    const webhook = await smoke.send('POST', '/webhooks', 201, body)
    idOf.set(name, textAt(webhook, 'id'))
    created.webhooks.add(textAt(webhook, 'id'))
    return webhook
  }
  const arrived = async (name: string): Promise<ReceivedRequest | undefined> =>
    receiver.requestsTo(`/${name}`).find(({ json }) => field(json, 'eventType') === STOPPED && field(json, 'laneId') === lane.laneId)
  await report.check(`webhooks can be subscribed: ${kinds.map(({ name }) => name).join(', ')}`, async () => {
    for (const kind of kinds) {
      const webhook = await subscribe(kind)
      expect(String(field(webhook, 'scopeKinds')) === String(kind.scopeKinds), webhook)
      expect(field(webhook, 'lastDeliveryAt') === null && field(webhook, 'secret') !== SECRET, webhook)
    }
    await subscribe({ name: 'excluded', events: ['*'], scope: { laneId: otherLane, threadId: lane.threadId } })
  })
  await report.check('a test event reaches its webhook', async () => {
    await smoke.send('POST', `/webhooks/${idOf.get('global')}/test`, 202, {})
    const read = async () => receiver.requestsTo('/global').some(({ json }) => field(json, 'eventType') === 'webhook.test')
    await smoke.until(read, (found) => found, 'webhook.test')
  })
  await report.check('the session stops', async () => {
    const session = await smoke.send('POST', `/lanes/${lane.laneId}/session/stop`, 200, {})
    expect(field(session, 'running') === false, session)
    const status = await smoke.send('GET', `/lanes/${lane.laneId}/session/status`, 200)
    expect(field(status, 'running') === false && field(status, 'activeTurnId') === null, status)
  })
  for (const { name } of kinds) {
    await report.check(`${name}: the stop is delivered, signed, in the envelope of the contract`, async () => {
      const delivery = await smoke.until(
        () => arrived(name),
        (found) => found !== undefined,
        'the delivery',
      )
      const envelope = delivery?.json
      expect(field(envelope, 'eventKey') === `${idOf.get(name)}:${String(field(envelope, 'eventId'))}`, envelope)
      expect(field(envelope, 'source') === 'oai-app-proxy' && field(envelope, 'subscriptionId') === idOf.get(name), envelope)
      expect(field(envelope, 'threadId') === lane.threadId && field(envelope, 'sessionId') === lane.laneId, envelope)
      new Webhook(SECRET, { format: 'raw' }).verify(delivery?.rawBody ?? '', delivery?.headers as Record<string, string>)
    })
  }
  await report.check('every webhook has a lastDeliveryAt and no error', async () => {
    for (const { name } of kinds) {
      const read = (): Promise<unknown> => smoke.send('GET', `/webhooks/${idOf.get(name)}`, 200)
      const webhook = await smoke.until(read, (found) => typeof field(found, 'lastDeliveryAt') === 'string', `lastDeliveryAt of ${name}`)
      expect(field(webhook, 'lastError') === null, webhook)
    }
  })
  await report.check('a webhook whose scopes exclude the event got nothing', async () => {
    const excluded = receiver.requestsTo('/excluded')
    expect(
      excluded.length === 0,
      excluded.map(({ json }) => json),
    )
  })
}
