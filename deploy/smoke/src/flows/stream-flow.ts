import { expect, field } from '../expectation.ts'
import type { SmokeContext } from '../smoke-context.ts'
import type { MainLane } from './lane-flow.ts'

const WAIT_MS = 30_000

/** The event stream live, cut, and resumed without a gap or a duplicate; the session stops and starts meanwhile. */
export const streamFlow = async (smoke: SmokeContext, { laneId }: MainLane): Promise<void> => {
  const { journal, target } = smoke
  // Loaded only here: the test kit brings packages that an ordinary start does not need.
  const { connectSse } = await import('@codex-bridge/testkit')
  const url = `${target.baseUrl}/events/stream?laneId=${laneId}`
  const ids = (events: readonly { id: string | null }[]): number[] => events.flatMap(({ id }) => (id === null ? [] : [Number(id)]))
  const live = await journal.check('the stream shows events as they happen: the session stops', async () => {
    const client = await connectSse(url)
    try {
      const session = await smoke.send('POST', `/lanes/${laneId}/session/stop`, 200, {})
      expect(field(session, 'running') === false, session)
      await client.until('lane.session.stopped', WAIT_MS)
      return ids(client.events)
    } finally {
      client.close()
    }
  })
  await journal.check('the session starts again, while nobody listens', async () => {
    const session = await smoke.send('POST', `/lanes/${laneId}/session/start`, 200, {})
    expect(field(session, 'running') === true, session)
  })
  await journal.check('a stream that resumes gets all that came meanwhile, once and in order', async () => {
    const lastEventId = String(live.at(-1))
    const client = await connectSse(url, { lastEventId })
    try {
      const stored = (await smoke.events(laneId, Number(lastEventId))).map((event) => Number(field(event, 'seq')))
      expect(stored.length > 0, stored)
      await client.waitFor(({ id }) => Number(id) >= (stored.at(-1) ?? 0), WAIT_MS)
      const resumed = ids(client.events)
      expect(resumed.slice(0, stored.length).join() === stored.join(), { resumed, stored })
    } finally {
      client.close()
    }
  })
}
