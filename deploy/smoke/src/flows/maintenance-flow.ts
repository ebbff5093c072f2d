import { expect, field, listOf } from '../expectation.ts'
import type { SmokeContext } from '../smoke-context.ts'

const HOUR_MS = 3_600_000
/** Ages since the last change. They differ by more than the latency of two requests. */
const NAMED_MS = 3000
const DELETED_MS = 2000
const DECIDED_MS = 1000

/** Stale reconciliation, and the bulk cleanup of lanes of this run. */
export const maintenanceFlow = async (smoke: SmokeContext): Promise<void> => {
  const { report, target } = smoke
  await report.check(target.own ? 'stale reconciliation finds nothing to repair' : 'stale reconciliation answers', async () => {
    // With both flags off it changes nothing, which is all that is allowed on a bridge with other people's work.
    const flags = target.own ? {} : { clearSyntheticRunningLanes: false, clearOrphanedActiveTurns: false }
    const result = await smoke.send('POST', '/debug/reconcile-stale', 200, flags)
    expect(Number.isInteger(field(result, 'checked')), result)
    expect(listOf(result, 'clearedLanes').length === 0 && listOf(result, 'recoveredSessions').length === 0, result)
  })
  await cleanupFlow(smoke)
}

/**
 * A cleanup cannot be limited to given lanes. So it runs for real only if a dry run named none but ours, and then with an age that has
 * grown by the time in between: any lane it finds is unchanged since before that dry run, which would have named it.
 */
const cleanupFlow = async (smoke: SmokeContext): Promise<void> => {
  const { report, created } = smoke
  const laneId = smoke.laneId('done')
  const filter = { statuses: ['done'], syntheticOnly: true, limit: 1000 }
  const named = async (ageMs: number): Promise<string[]> => {
    const result = await smoke.send('POST', '/lanes/cleanup', 200, { ...filter, olderThanHours: ageMs / HOUR_MS, dryRun: true })
    expect(field(result, 'dryRun') === true && field(result, 'deleted') === 0, result)
    return listOf(result, 'lanes').map((lane) => String(field(lane, 'laneId')))
  }
  await report.check('a lane can be completed by hand', async () => {
    await smoke.send('POST', '/lanes', 201, { laneId })
    expect(field(await smoke.send('POST', '/debug/complete', 200, { laneId, note: 'Smoke test' }), 'status') === 'done', 'another status')
  })
  await report.check('a dry run of the cleanup names it once it is old enough, and deletes nothing', async () => {
    const names = (found: string[]): boolean => found.includes(laneId)
    await smoke.until(() => named(NAMED_MS), names, `the cleanup to name ${laneId}`)
    await smoke.send('GET', `/lanes/${laneId}`, 200)
  })
  const askedAt = performance.now()
  const foreign = await report.check('a second dry run shows whose lanes a cleanup would delete', async () =>
    (await named(DECIDED_MS)).filter((found) => !created.lanes.has(found)),
  )
  if (foreign.length > 0) {
    return report.leaveOut('the cleanup for real', `it would delete ${foreign.length} lanes of others (${foreign.slice(0, 3).join(', ')})`)
  }
  await report.check('the cleanup deletes it', async () => {
    const olderThanHours = (DELETED_MS + performance.now() - askedAt) / HOUR_MS
    const result = await smoke.send('POST', '/lanes/cleanup', 200, { ...filter, olderThanHours, dryRun: false })
    expect(field(result, 'dryRun') === false && Number(field(result, 'deleted')) > 0, result)
    await smoke.send('GET', `/lanes/${laneId}`, 404)
  })
}
