import type { Api } from '@codex-bridge/local'
import type { CheckReport } from './check-report.ts'
import { expect, field, listOf } from './expectation.ts'
import type { SmokeContext } from './smoke-context.ts'

/** Takes away what the run made, whatever has failed, and checks that nothing of it is left. */
export const removeCreated = async ({ made, prefix }: SmokeContext, journal: CheckReport, api: Api): Promise<void> => {
  await journal.check(`nothing is left: lanes and webhooks deleted, ${made.threads.size} threads archived`, async () => {
    const problems: unknown[] = []
    const remove = async (method: 'POST' | 'DELETE', path: string, body?: unknown): Promise<void> => {
      const answer = await api(method, path, body).catch((error: unknown) => ({ status: 0, body: String(error) }))
      if (answer.status !== 404 && (answer.status < 200 || answer.status >= 300)) problems.push({ path, ...answer })
    }
    await Promise.all([...made.webhooks].map((id) => remove('DELETE', `/webhooks/${id}`)))
    await Promise.all([...made.lanes].map((laneId) => remove('DELETE', `/lanes/${laneId}`)))
    // Only now: a lane's process has the thread until the lane is gone.
    await Promise.all([...made.threads].map((threadId) => remove('POST', `/codex/threads/${threadId}/archive`, {})))
    expect(problems.length === 0, problems)
    const lanes = listOf((await api('GET', `/lanes?q=${prefix}`)).body, 'lanes')
    const webhooks = listOf((await api('GET', '/webhooks')).body, 'webhooks').filter((webhook) =>
      made.webhooks.has(String(field(webhook, 'id'))),
    )
    const threads = listOf((await api('GET', '/codex/threads?limit=200')).body, 'threads').filter((thread) =>
      made.threads.has(String(field(thread, 'id'))),
    )
    expect(lanes.length + webhooks.length + threads.length === 0, { lanes, webhooks, threads })
  })
}
