import { expect, field, textAt } from '../expectation.ts'
import type { SmokeContext } from '../smoke-context.ts'

const DOCUMENTED = ['/health', '/events/stream', '/webhooks', '/codex/active', '/codex/workflows/start-visible', '/lanes/attach']
const PAGE_MS = 10_000

/** Checks that the bridge is up and documents its routes, and finds out what answers prompts. */
export const bridgeFlow = async (smoke: SmokeContext, env: NodeJS.ProcessEnv): Promise<void> => {
  const { report, target, created } = smoke
  let login: unknown
  await report.check('every service is up, and so is Codex', async () => {
    const body = await smoke.send('GET', '/health', 200)
    login = field(body, 'codex', 'login')
    const services = Object.entries((field(body, 'services') as Record<string, unknown> | undefined) ?? {})
    expect(field(body, 'status') !== 'down' && services.length > 0, body)
    expect(
      services.every(([, service]) => field(service, 'status') !== 'down'),
      services,
    )
    expect(field(body, 'codex', 'appServer') === 'ok', field(body, 'problems'))
  })
  await report.check('the OpenAPI document names the routes of the contract, and a page shows it', async () => {
    const document = await smoke.send('GET', '/openapi/json', 200)
    const paths = Object.keys((field(document, 'paths') as object | undefined) ?? {})
    const missing = DOCUMENTED.filter((path) => !paths.includes(path))
    expect(missing.length === 0, { missing })
    const page = await fetch(`${target.baseUrl}/openapi`, { signal: AbortSignal.timeout(PAGE_MS) })
    expect(page.status === 200 && /<html/i.test(await page.text()), page.status)
  })
  await report.check('a thread can be started', async () => {
    const cwd = target.repoRoot === undefined ? {} : { cwd: target.repoRoot }
    const body = await smoke.send('POST', '/codex/threads/start', 201, { name: smoke.prefix, ...cwd })
    created.threads.add(textAt(body, 'thread', 'id'))
    smoke.model = modelOf(field(body, 'modelProvider'), login, env['SMOKE_TURN'] === '1')
  })
  if (smoke.model.kind === 'none') report.leaveOut('every check that needs a model', smoke.model.why)
  else report.note(`          the model is ${smoke.model.kind}`)
}

const modelOf = (provider: unknown, login: unknown, wanted: boolean): SmokeContext['model'] => {
  if (provider === 'scripted') return { kind: 'scripted' }
  if (login === 'missing') return { kind: 'none', why: 'Codex has no login on this bridge; `codex login`, or `npm run demo`' }
  if (wanted) return { kind: 'real' }
  return { kind: 'none', why: `turns of a real model (${String(provider)}) cost money; SMOKE_TURN=1 runs them` }
}
