import { expect, field, listOf, textAt } from '../expectation.ts'
import { SHORT } from '../prompts.ts'
import type { SmokeContext } from '../smoke-context.ts'

const NOBODYS_THREAD = '019a1b2c-0000-7000-8000-000000000000'
const ACTIVE = '/codex/active?windowSec=3600&preferredSurface=mac-app&preferOriginator=Codex%20Desktop'

/** Finds threads, attaches one strictly and starts its session, then takes the same thread over in one step. */
export const takeoverFlow = async (smoke: SmokeContext): Promise<void> => {
  const { report, model, created } = smoke
  const [threadId = ''] = created.threads
  if (model.kind !== 'none') {
    await report.check('a turn runs on the thread outside lanes', async () => {
      await smoke.send('POST', `/codex/threads/${threadId}/turns/start`, 202, { input: SHORT })
      const loaded = async (): Promise<unknown[]> => listOf(await smoke.send('GET', '/codex/threads/loaded', 200), 'threads')
      const isFree = (threads: unknown[]): boolean => !threads.some((thread) => field(thread, 'threadId') === threadId)
      await smoke.until(loaded, isFree, 'the thread to be given back')
    })
  }
  await report.check('active threads are found, by preference', async () => {
    const threads = listOf(await smoke.send('GET', ACTIVE, 200), 'threads')
    const scores = threads.map((entry) => Number(field(entry, 'score')))
    expect(
      scores.every((score, index) => index === 0 || score <= (scores[index - 1] ?? 0)),
      scores,
    )
    // Codex lists a thread only once it has a message.
    const listed = threads.some((entry) => field(entry, 'thread', 'id') === threadId)
    expect(listed || model.kind === 'none', { threadId, found: threads.length })
  })
  const attached = smoke.laneId('attached')
  const body = { laneId: attached, threadId, preferredSurface: 'any', requirePreferredSurface: false, readinessMode: 'strict' }
  await report.check('attach refuses an unknown thread, and one of another surface than the required one', async () => {
    const unknown = await smoke.send('POST', '/lanes/attach', 404, { ...body, threadId: NOBODYS_THREAD })
    expect(field(unknown, 'error') === 'thread_not_found', unknown)
    const wrong = await smoke.send('POST', '/lanes/attach', 409, { ...body, preferredSurface: 'mac-app', requirePreferredSurface: true })
    expect(field(wrong, 'details', 'reason') === 'surface_mismatch', wrong)
  })
  await report.check('attach makes a strict lane of the thread', async () => {
    const lane = await smoke.send('POST', '/lanes/attach', 201, body)
    expect(field(lane, 'threadId') === threadId && field(lane, 'readinessMode') === 'strict', lane)
  })
  await report.check('its session starts on that thread', async () => {
    const session = await smoke.send('POST', `/lanes/${attached}/session/start`, 200, {})
    expect(field(session, 'running') === true && field(session, 'threadId') === threadId, session)
    expect(field(session, 'readinessDeferred') === false, session)
  })
  if (model.kind !== 'none') {
    await report.check('it goes on with the thread', async () => {
      const turnId = textAt(await smoke.send('POST', `/lanes/${attached}/prompt`, 202, { input: SHORT }), 'turnId')
      const end = await smoke.untilTurnEnds(attached, turnId)
      expect(field(end, 'payload', 'status') === 'completed', end)
    })
  }
  await report.check('sync-from-codex takes the name of the thread over, and the lane lets go of it', async () => {
    const lane = await smoke.send('POST', `/lanes/${attached}/sync-from-codex`, 200, {})
    expect(field(lane, 'title') === smoke.prefix, lane)
    await smoke.send('DELETE', `/lanes/${attached}`, 204)
  })
  const taken = smoke.laneId('taken')
  const kickoff = model.kind === 'none' ? {} : { kickoffPrompt: SHORT }
  await report.check('start-visible takes the thread over in one step, leniently', async () => {
    const { answer, threadId: found } = await smoke.startVisible({ ...body, laneId: taken, readinessMode: 'lenient', ...kickoff })
    expect(found === threadId && field(answer, 'session', 'readinessDeferred') === false, answer)
    if (model.kind === 'none') return
    const end = await smoke.untilTurnEnds(taken, textAt(answer, 'turn', 'turnId'))
    expect(field(end, 'payload', 'status') === 'completed', end)
  })
}
