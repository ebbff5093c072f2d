import { expect, field, listOf, textAt } from '../expectation.ts'
import { asking, LONG, SHORT, STEER, WORD } from '../prompts.ts'
import type { SmokeContext } from '../smoke-context.ts'

export type MainLane = { laneId: string; threadId: string }

/** Starts a new visible lane, with a kickoff prompt if there is a model. */
export const newLaneFlow = async (smoke: SmokeContext): Promise<MainLane> => {
  const { report, model } = smoke
  const laneId = smoke.laneId('new')
  const kickoff = model.kind === 'none' ? {} : { kickoffPrompt: SHORT }
  const title = `Smoke test ${smoke.prefix}`
  const { answer, threadId } = await report.check(
    `start-visible gives a lane, its session and its thread${model.kind === 'none' ? '' : ', and kicks it off'}`,
    () => smoke.startVisible({ laneId, title, preferredSurface: 'any', readinessMode: 'lenient', ...smoke.folder, ...kickoff }),
  )
  await report.check('the session runs, and is in the list', async () => {
    const session = await smoke.send('GET', `/lanes/${laneId}/session/status`, 200)
    expect(field(session, 'running') === true && field(session, 'threadId') === threadId, session)
    const sessions = listOf(await smoke.send('GET', '/lanes/sessions', 200), 'sessions')
    expect(
      sessions.some((one) => field(one, 'laneId') === laneId),
      sessions,
    )
  })
  await report.check('its thread has the title and names the lane', async () => {
    const thread = await smoke.send('GET', `/codex/threads/${threadId}`, 200)
    expect(field(thread, 'name') === title && listOf(thread, 'laneIds').includes(laneId), thread)
  })
  if (model.kind === 'none') return { laneId, threadId }
  await report.check('the turn completes, once, and the lane with it', async () => {
    const end = await smoke.untilTurnEnds(laneId, textAt(answer, 'turn', 'turnId'))
    expect(field(end, 'payload', 'status') === 'completed', end)
    expect(
      String(field(end, 'payload', 'finalMessage'))
        .toLowerCase()
        .includes(WORD),
      end,
    )
    await smoke.untilStatus(laneId, 'done')
  })
  return { laneId, threadId }
}

/** Prompts, steers and interrupts a turn. */
export const turnFlow = async (smoke: SmokeContext, { laneId }: MainLane): Promise<void> => {
  const { report, model } = smoke
  if (model.kind === 'none') return report.leaveOut('prompt, steer, interrupt', model.why)
  const turnId = await report.check('prompt begins a turn', async () =>
    textAt(await smoke.send('POST', `/lanes/${laneId}/prompt`, 202, { input: LONG }), 'turnId'),
  )
  await report.check('a second prompt during the turn is refused', async () => {
    expect(field(await smoke.send('POST', `/lanes/${laneId}/prompt`, 409, { input: SHORT }), 'error') === 'turn_active', 'another error')
  })
  await report.check('steer reaches the turn', async () => {
    const receipt = await smoke.send('POST', `/lanes/${laneId}/steer`, 202, { input: STEER, expectedTurnId: turnId })
    expect(field(receipt, 'turnId') === turnId, receipt)
  })
  await report.check('interrupt ends it', async () => {
    await smoke.send('POST', `/lanes/${laneId}/interrupt`, 202, {})
    const end = await smoke.untilTurnEnds(laneId, turnId)
    expect(field(end, 'payload', 'status') === 'interrupted', end)
    expect(field(await smoke.untilStatus(laneId, 'interrupted'), 'activeTurnId') === null, 'a turn still shown as active')
  })
}

const DECISIONS = [
  { action: 'approve', becomes: 'approved', ran: true },
  { action: 'deny', becomes: 'denied', ran: false },
] as const

/** One approval requested by hand, and those of Codex itself if the model follows directives. */
export const approvalFlow = async (smoke: SmokeContext, { laneId }: MainLane): Promise<void> => {
  const { report, model } = smoke
  await report.check('an approval requested by hand is pending until it is denied, and a second decision is refused', async () => {
    const asked = await smoke.send('POST', '/debug/request-approval', 201, { laneId, source: 'runtime', reason: 'Smoke test' })
    const path = `/lanes/${laneId}/approvals/${textAt(asked, 'approvalId')}`
    expect(field(asked, 'status') === 'pending', asked)
    expect(field(await smoke.send('POST', `${path}/deny`, 200, {}), 'status') === 'denied', 'another status')
    const late = await smoke.send('POST', `${path}/approve`, 409, {})
    expect(field(late, 'error') === 'approval_already_resolved', late)
  })
  if (model.kind !== 'scripted') {
    return report.leaveOut(
      'approvals that Codex asks for',
      model.kind === 'none' ? model.why : 'a real model cannot be made to ask for one',
    )
  }
  for (const { action, becomes, ran } of DECISIONS) {
    await report.check(`a command that needs an approval ${ran ? 'runs after it' : 'does not run when it is denied'}`, async () => {
      const marker = `${smoke.prefix}-${action}`
      // The prompt contains the text of the command; only its output joins the two parts.
      const input = asking(`printf '%s%s' ${smoke.prefix} -${action}`)
      const turnId = textAt(await smoke.send('POST', `/lanes/${laneId}/prompt`, 202, { input }), 'turnId')
      await smoke.untilStatus(laneId, 'needs_approval')
      const approvals = listOf(await smoke.send('GET', `/lanes/${laneId}/approvals`, 200), 'approvals')
      const approvalId = textAt(
        approvals.find((approval) => field(approval, 'status') === 'pending'),
        'approvalId',
      )
      const decided = await smoke.send('POST', `/lanes/${laneId}/approvals/${approvalId}/${action}`, 200, {})
      expect(field(decided, 'status') === becomes, decided)
      const end = await smoke.untilTurnEnds(laneId, turnId)
      expect(String(field(end, 'payload', 'finalMessage')).includes(marker) === ran, end)
    })
  }
}
