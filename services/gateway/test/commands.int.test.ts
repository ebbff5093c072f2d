import { setTimeout as sleep } from 'node:timers/promises'
import { type Bus, type Endpoints, serve } from '@codex-bridge/bus'
import { BridgeError, Codex, type RunnerInfo } from '@codex-bridge/contracts'
import { api, waitFor } from '@codex-bridge/testkit'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type Answers, type RunningGateway, refuse, serveRegistry, serveSession, startBroker, startGateway } from './gateway-fixture.ts'

let broker: Awaited<ReturnType<typeof startBroker>>
let gateway: RunningGateway
const endpoints: Endpoints[] = []
const ABOUT = { name: 'session-runner', version: '0.1.0' }
let lanes = 0

beforeAll(async () => {
  broker = await startBroker()
  gateway = await startGateway(broker.nats.url)
}, 30_000)
afterEach(async () => {
  await Promise.all(endpoints.splice(0).map((endpoint) => endpoint.stop(100)))
})
afterAll(async () => {
  await gateway?.stop()
  await broker?.stop()
})

const newLane = () => `lane-${++lanes}`
const registry = async (answers: Answers) => endpoints.push(await serveRegistry(broker.bus, answers))
const session = async (bus: Bus, laneId: string, handlers: Answers) => {
  endpoints.push(serveSession(bus, laneId, handlers))
  await bus.nc.flush()
}
const post = (path: string, body: unknown = undefined, headers = {}) => gateway.http.post<Record<string, unknown>>(path, body, headers)

describe('a turn command', () => {
  it('goes to the session that holds the lane', async () => {
    const laneId = newLane()
    const seen: unknown[] = []
    await session(broker.bus, laneId, {
      steer: (request) => {
        seen.push(request)
        return { laneId, action: 'steer', status: 'steered', commandId: 'k1' }
      },
    })
    const answer = await post(`/lanes/${laneId}/steer`, { input: 'x' }, { 'idempotency-key': 'k1' })
    expect([answer.status, answer.body['laneId'], answer.body['status']]).toEqual([202, laneId, 'steered'])
    expect(seen).toEqual([{ commandId: 'k1', body: { input: 'x' } }])
  })

  it('starts a session for a prompt to a lane without one, then prompts it', async () => {
    const laneId = newLane()
    const seen: unknown[] = []
    await registry({
      startSession: async (request) => {
        seen.push(request)
        await session(broker.bus, laneId, { prompt: ({ commandId }: { commandId: string }) => ({ commandId, status: 'inProgress' }) })
        return { running: true }
      },
    })
    const answer = await post(`/lanes/${laneId}/prompt`, { input: 'x' }, { 'idempotency-key': 'k2' })
    expect(answer.status).toBe(202)
    expect(answer.body).toMatchObject({ commandId: 'k2', status: 'inProgress' })
    expect(seen).toEqual([{ commandId: 'k2:wake', laneId }])
  })

  it('returns the reason why a prompt cannot start a session', async () => {
    await registry({ startSession: refuse('lane_not_found') })
    const answer = await post(`/lanes/${newLane()}/prompt`, { input: 'x' })
    expect([answer.status, answer.body['error']]).toEqual([404, 'lane_not_found'])
  })

  it.each(['steer', 'interrupt'])('%s needs a live session, and a lane', async (verb) => {
    const known = newLane()
    await registry({
      getLane: ({ laneId }: { laneId: string }) => (laneId === known ? { laneId } : refuse('lane_not_found')()),
    })
    const body = verb === 'steer' ? { input: 'x' } : undefined
    expect((await post(`/lanes/${known}/${verb}`, body)).body['error']).toBe('session_not_running')
    expect((await post(`/lanes/unknown/${verb}`, body)).body['error']).toBe('lane_not_found')
  })

  it('is retried with the same id while the lane changes hands', async () => {
    const laneId = newLane()
    const ids: string[] = []
    const fenced = serveSession(broker.bus, laneId, {
      interrupt: ({ commandId }: { commandId: string }) => {
        ids.push(commandId)
        throw new BridgeError('fenced')
      },
    })
    await broker.bus.nc.flush()
    const answering = post(`/lanes/${laneId}/interrupt`)
    await waitFor(() => ids.length > 1)
    await fenced.stop(0)
    await session(broker.bus, laneId, {
      interrupt: ({ commandId }: { commandId: string }) => {
        ids.push(commandId)
        return { action: 'interrupt', status: 'interrupting' }
      },
    })
    expect((await answering).status).toBe(202)
    expect(ids.length).toBeGreaterThanOrEqual(2)
    expect(new Set(ids).size).toBe(1)
  })

  it('fails when no runner takes over the lane in time', async () => {
    const laneId = newLane()
    await session(broker.bus, laneId, { interrupt: refuse('fenced') })
    const started = performance.now()
    const answer = await post(`/lanes/${laneId}/interrupt`)
    expect([answer.status, answer.body['error'], answer.headers['retry-after']]).toEqual([503, 'fenced', '2'])
    expect(performance.now() - started).toBeLessThan(1600)
  })

  it('returns an error of the session at once', async () => {
    const laneId = newLane()
    await session(broker.bus, laneId, { prompt: refuse('turn_active', { turnId: 't1' }) })
    const answer = await post(`/lanes/${laneId}/prompt`, { input: 'x' })
    expect([answer.status, answer.body['error'], answer.body['details']]).toEqual([409, 'turn_active', { turnId: 't1' }])
  })

  it('has an unknown outcome when the session does not respond in time', async () => {
    const laneId = newLane()
    await session(broker.bus, laneId, { prompt: () => sleep(3000) })
    const answer = await post(`/lanes/${laneId}/prompt`, { input: 'x' }, { 'idempotency-key': 'k3' })
    expect([answer.status, answer.body]).toEqual([202, { status: 'unknown', commandId: 'k3', laneId }])
  })
})

describe('other requests', () => {
  it('a command has an unknown outcome when its service is late; a read fails', async () => {
    await registry({ deleteLane: () => sleep(3000), getLane: refuse('command_timeout') })
    const changed = await gateway.http.delete<Record<string, unknown>>('/lanes/a')
    expect([changed.status, changed.body['status'], changed.body['laneId']]).toEqual([202, 'unknown', 'a'])
    expect((await gateway.http.get('/lanes/a')).status).toBe(504)
  })

  it('fail at once when the service is down', async () => {
    const started = performance.now()
    const { status, headers } = await gateway.http.get('/lanes')
    expect([status, headers['retry-after']]).toEqual([503, '2'])
    expect(performance.now() - started).toBeLessThan(500)
  })

  it.each([
    ['a field of the wrong type', { seq: 'x' }],
    ['a missing field', { seq: undefined }],
  ])('a reply with %s is an internal error, and its content is not shown', async (_what, wrong) => {
    await registry({ getLane: () => ({ title: 'hunter2', ...wrong }) })
    const answer = await gateway.http.get<Record<string, unknown>>('/lanes/a')
    expect([answer.status, answer.body['error']]).toEqual([500, 'internal_error'])
    expect(answer.text).not.toContain('hunter2')
  })

  it('pass on the fields that a newer service adds', async () => {
    await registry({ getLane: () => ({ laneId: 'a', addedLater: { deep: true } }) })
    const undocumented = api(gateway.url)
    const answer = await undocumented.get<Record<string, unknown>>('/lanes/a')
    undocumented.close()
    expect([answer.status, answer.body['laneId'], answer.body['addedLater']]).toEqual([200, 'a', { deep: true }])
  })

  it('never show the text of an unknown failure', async () => {
    await registry({
      listLanes: () => {
        throw new Error('password is hunter2')
      },
    })
    const answer = await gateway.http.get<Record<string, unknown>>('/lanes')
    expect([answer.status, answer.body['error']]).toEqual([500, 'internal_error'])
    expect(answer.text).not.toContain('hunter2')
  })
})

describe('health', () => {
  const runner = (fields: Partial<RunnerInfo>): RunnerInfo => ({
    runnerId: 'session-runner-1',
    codexBinary: { path: '/bin/codex', origin: 'PATH' },
    codexVersion: '0.169.0',
    codexVersions: ['0.169.0'],
    missingMethods: [],
    codexHome: '/home',
    appServer: 'ok',
    login: 'logged_in',
    problem: null,
    sessions: 1,
    capacity: 8,
    ...fields,
  })
  const runners = async (...infos: RunnerInfo[]) => {
    for (const info of infos) endpoints.push(await serve(broker.bus, ABOUT, Codex, { describeRunner: () => info }, { everyone: true }))
    await broker.bus.nc.flush()
  }
  type Health = {
    status: string
    problems: string[]
    runners: RunnerInfo[]
    services: Record<string, Record<string, unknown>>
    codex: object
  }
  const health = async () => (await gateway.http.get<Health>('/health')).body

  it('combines the reports of all services', async () => {
    await registry({ health: () => ({ lanes: 3, lag: 1200 }) })
    await runners(
      runner({}),
      runner({ runnerId: 'session-runner-2', codexVersion: '0.170.0', codexVersions: ['0.170.0'], login: 'missing' }),
    )
    const { services, runners: found, codex, problems, status } = await health()
    expect(services['lane-registry']).toMatchObject({ lanes: 3, lag: 1200, status: 'ok', instances: 1 })
    expect(services['session-runner']).toMatchObject({ instances: 2 })
    expect(found.map(({ runnerId }) => runnerId)).toEqual(['session-runner-1', 'session-runner-2'])
    expect(codex).toMatchObject({ version: '0.169.0', appServer: 'ok', login: 'logged_in', mixedVersions: true })
    expect(problems.join('\n')).toMatch(/codex login.*npm run demo/)
    expect(problems.join('\n')).toMatch(/approvals does not respond/)
    expect(problems.join('\n')).toMatch(/lane-registry is 1200 events behind/)
    expect(status).toBe('degraded')
  })

  it('names missing methods, and Codex homes that different versions use', async () => {
    await runners(
      runner({ codexVersion: '0.98.0', codexVersions: ['0.98.0', '0.169.0'], missingMethods: ['turn/steer'] }),
      runner({ runnerId: 'session-runner-2', codexHome: '/other' }),
      runner({ runnerId: 'session-runner-3', codexHome: '/other', missingMethods: null }),
    )
    const { codex, problems } = await health()
    expect(codex).toMatchObject({
      mixedVersions: true,
      missingMethods: ['turn/steer'],
      homes: [
        { path: '/home', runners: 1, versions: ['0.169.0', '0.98.0'] },
        { path: '/other', runners: 2, versions: ['0.169.0'] },
      ],
    })
    expect(problems.filter((problem) => /turn\/steer/.test(problem))).toEqual([
      'session-runner-1: Codex 0.98.0 lacks turn/steer, needed for steering: install a newer version',
    ])
    expect(problems.filter((problem) => /is used by Codex/.test(problem))).toEqual([
      expect.stringMatching(/^\/home is used by Codex 0\.169\.0 and 0\.98\.0, and/),
    ])
  })

  it('reports missing methods as unknown if no runner knows them', async () => {
    await runners(runner({ missingMethods: null }))
    expect((await health()).codex).toMatchObject({ missingMethods: null, mixedVersions: false })
  })

  it('does not wait for a service that hangs', async () => {
    await registry({ health: () => sleep(5000) })
    const started = performance.now()
    const { services } = await health()
    expect(services['lane-registry']).toMatchObject({ status: 'down' })
    expect(performance.now() - started).toBeLessThan(1300)
  })
})
