import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Api, apiOf, pollUntil } from './api.client.ts'
import { startBridge } from './bridge.start.ts'
import { createSandbox } from './demo.ts'
import { probeHealth } from './health.probe.ts'

const DEFAULT_BASE_URL = 'http://127.0.0.1:8787'
const TIMEOUT_MS = 30_000
/** Only where the model is scripted: a turn of a real one costs its owner. */
const SCRIPTED_PROMPT = '#say The smoke test was here.'

type Envelope = { eventKey: string; eventId: string; eventType: string; subscriptionId: string; laneId: string }
type Receiver = { url: string; envelopes: Envelope[]; close: () => void }

const startReceiver = (host: string): Promise<Receiver> =>
  new Promise((resolve, reject) => {
    const envelopes: Envelope[] = []
    const server: Server = createServer(async (request, response) => {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk as Buffer)
      envelopes.push(JSON.parse(Buffer.concat(chunks).toString()) as Envelope)
      response.end('{}')
    })
    server.once('error', reject)
    server.listen(0, host, () => {
      const address = server.address()
      const port = typeof address === 'object' ? address?.port : 0
      resolve({ url: `http://${host}:${port}/smoke`, envelopes, close: () => void server.close().closeAllConnections() })
    })
  })

/** Where the bridge under test is, and how it is left. */
type Target = { baseUrl: string; scripted: boolean; repoRoot?: string; leave: () => Promise<void> }

const findTarget = async (root: string, env: NodeJS.ProcessEnv): Promise<Target> => {
  const given = env['BASE_URL']?.replace(/\/$/, '')
  const leave = async (): Promise<void> => undefined
  if (given) return { baseUrl: given, scripted: env['SMOKE_TURN'] === '1', leave }
  if (await probeHealth(DEFAULT_BASE_URL)) return { baseUrl: DEFAULT_BASE_URL, scripted: false, leave }
  process.stdout.write(`Nothing answers on ${DEFAULT_BASE_URL}: starting a bridge for this test\n`)
  const dataDir = mkdtempSync(join(tmpdir(), 'codex-bridge-smoke-'))
  const remove = (): void => rmSync(dataDir, { recursive: true, force: true, maxRetries: 5 })
  try {
    const bridge = await startBridge({
      dataDir,
      ...(await createSandbox(root, dataDir)),
      say: (line) => process.stderr.write(`  ${line}\n`),
    })
    return { baseUrl: bridge.baseUrl, scripted: true, repoRoot: dataDir, leave: () => bridge.stop().finally(remove) }
  } catch (error) {
    remove()
    throw error
  }
}

const expect = (holds: boolean, found: unknown): void => {
  if (!holds) throw new Error(JSON.stringify(found))
}

const field = (value: unknown, ...path: string[]): unknown =>
  path.reduce<unknown>(
    (inner, name) => (inner !== null && typeof inner === 'object' ? (inner as Record<string, unknown>)[name] : undefined),
    value,
  )

/** Runs one check after the other: a line for each. Resolves with the exit code. */
export const runSmoke = async (root: string, env: NodeJS.ProcessEnv): Promise<number> => {
  const target = await findTarget(root, env)
  const receiver = await startReceiver(env['SMOKE_RECEIVER_HOST'] ?? '127.0.0.1')
  let failed = 0
  const check = async (what: string, work: () => Promise<void>): Promise<void> => {
    const startedAt = performance.now()
    try {
      await work()
      process.stdout.write(`ok      ${what} (${Math.round(performance.now() - startedAt)} ms)\n`)
    } catch (error) {
      failed += 1
      process.stdout.write(`FAILED  ${what}: ${error instanceof Error ? error.message : String(error)}\n`)
    }
  }
  try {
    await runChecks(target, apiOf(target.baseUrl), receiver, check)
  } finally {
    receiver.close()
    await target.leave()
  }
  process.stdout.write(failed === 0 ? 'Smoke test passed\n' : `Smoke test failed: ${failed} checks\n`)
  return failed === 0 ? 0 : 1
}

const runChecks = async (
  { scripted, repoRoot }: Target,
  api: Api,
  receiver: Receiver,
  check: (what: string, work: () => Promise<void>) => Promise<void>,
): Promise<void> => {
  const laneId = `smoke-${randomBytes(4).toString('hex')}`
  let webhookId = ''
  await check('the bridge is healthy', async () => {
    const { status, body } = await api('GET', '/health')
    expect(status === 200, body)
  })
  await check('a webhook can be subscribed', async () => {
    const { status, body } = await api('POST', '/webhooks', { url: receiver.url, events: ['*'], scope: { laneId } })
    expect(status === 201, body)
    webhookId = String(field(body, 'id'))
  })
  await check('start-visible gives a lane, its session and its thread', async () => {
    const kickoff = scripted ? { kickoffPrompt: SCRIPTED_PROMPT } : {}
    const { status, body } = await api('POST', '/codex/workflows/start-visible', { laneId, title: 'Smoke test', repoRoot, ...kickoff })
    expect(status < 300 && field(body, 'lane', 'laneId') === laneId, body)
    expect(field(body, 'session', 'running') === true && typeof field(body, 'thread', 'id') === 'string', body)
  })
  await check('the session runs and is listed', async () => {
    const { body } = await api('GET', `/lanes/${laneId}/session/status`)
    expect(field(body, 'running') === true, body)
    const list = (await api('GET', '/lanes/sessions')).body
    expect(
      (field(list, 'sessions') as unknown[]).some((session) => field(session, 'laneId') === laneId),
      list,
    )
  })
  if (scripted) {
    await check('the turn completes, once, and the lane with it', async () => {
      await pollUntil(
        async () => (await api('GET', `/lanes/${laneId}`)).body,
        (lane) => field(lane, 'status') === 'done',
        'the turn',
        TIMEOUT_MS,
      )
      const events = field((await api('GET', `/lanes/${laneId}/events?limit=1000`)).body, 'events') as unknown[]
      const completed = events.filter((event) => field(event, 'type') === 'lane.turn.completed')
      expect(completed.length === 1 && field(completed[0], 'payload', 'status') === 'completed', completed)
    })
  }
  await check('its events reach the webhook in the envelope of the contract', async () => {
    const started = (): Envelope | undefined => receiver.envelopes.find(({ eventType }) => eventType === 'lane.session.started')
    await pollUntil(
      async () => started(),
      (envelope) => envelope !== undefined,
      'the delivery',
      TIMEOUT_MS,
    )
    const envelope = started()
    expect(envelope?.eventKey === `${webhookId}:${envelope?.eventId}` && envelope?.laneId === laneId, envelope)
  })
  await check('lastDeliveryAt is updated', async () => {
    const read = async (): Promise<unknown> =>
      (field((await api('GET', '/webhooks')).body, 'webhooks') as unknown[]).find((webhook) => field(webhook, 'id') === webhookId)
    const webhook = await pollUntil(read, (found) => typeof field(found, 'lastDeliveryAt') === 'string', 'lastDeliveryAt', TIMEOUT_MS)
    expect(field(webhook, 'lastError') === null, webhook)
  })
  await check('the session stops', async () => {
    const { status, body } = await api('POST', `/lanes/${laneId}/session/stop`, {})
    expect(status < 300, body)
    const session = (await api('GET', `/lanes/${laneId}/session/status`)).body
    expect(field(session, 'running') === false, session)
  })
  await check('the lane and the webhook can be deleted', async () => {
    const answers = [await api('DELETE', `/lanes/${laneId}`), await api('DELETE', `/webhooks/${webhookId}`)]
    expect(
      answers.every(({ status }) => status === 204),
      answers,
    )
  })
}
