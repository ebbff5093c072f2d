import type { ApiClient } from '@codex-bridge/testkit'
import type { CheckReport } from './check-report.ts'
import { expect, field, listOf } from './expectation.ts'
import type { SmokeContext } from './smoke-context.ts'

/** Removes what the run created, whatever has failed, and checks that nothing of it is left. */
export const removeCreated = async ({ created, prefix }: SmokeContext, report: CheckReport, api: ApiClient): Promise<void> => {
  await report.check(`nothing is left: lanes and webhooks deleted, ${created.threads.size} threads archived`, async () => {
    const problems: unknown[] = []
    const remove = async (method: 'POST' | 'DELETE', path: string, body?: unknown): Promise<void> => {
      const answer = await api.request(method, path, body).catch((error: unknown) => ({ status: 0, body: String(error) }))
      if (answer.status !== 404 && (answer.status < 200 || answer.status >= 300))
        problems.push({ path, status: answer.status, body: answer.body })
    }
    await Promise.all([...created.webhooks].map((id) => remove('DELETE', `/webhooks/${id}`)))
    await Promise.all([...created.lanes].map((laneId) => remove('DELETE', `/lanes/${laneId}`)))
    // Threads last: the process of a lane holds its thread until the lane is deleted.
    await Promise.all([...created.threads].map((threadId) => remove('POST', `/codex/threads/${threadId}/archive`, {})))
    expect(problems.length === 0, problems)
    const lanes = listOf((await api.get(`/lanes?q=${prefix}`)).body, 'lanes')
    const webhooks = listOf((await api.get('/webhooks')).body, 'webhooks').filter((webhook) =>
      created.webhooks.has(String(field(webhook, 'id'))),
    )
    const threads = listOf((await api.get('/codex/threads?limit=200')).body, 'threads').filter((thread) =>
      created.threads.has(String(field(thread, 'id'))),
    )
    expect(lanes.length + webhooks.length + threads.length === 0, { lanes, webhooks, threads })
  })
}
