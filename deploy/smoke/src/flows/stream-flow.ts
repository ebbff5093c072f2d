import { connectSse } from '@codex-bridge/testkit'
import { expect, field } from '../expectation.ts'
import type { SmokeContext } from '../smoke-context.ts'
import type { MainLane } from './lane-flow.ts'

const WAIT_MS = 30_000

/** Reads the event stream live, cuts it, and resumes it without a gap or a duplicate while the session stops and starts. */
export const streamFlow = async (smoke: SmokeContext, { laneId }: MainLane): Promise<void> => {
  const { report, target } = smoke
  const url = `${target.baseUrl}/events/stream?laneId=${laneId}`
  const ids = (events: readonly { id: string | null }[]): number[] => events.flatMap(({ id }) => (id === null ? [] : [Number(id)]))
  const live = await report.check('the stream shows events as they happen: the session stops', async () => {
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
  await report.check('the session starts again while nobody listens', async () => {
    const session = await smoke.send('POST', `/lanes/${laneId}/session/start`, 200, {})
    expect(field(session, 'running') === true, session)
  })
  await report.check('a resumed stream gets everything since, once and in order', async () => {
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
