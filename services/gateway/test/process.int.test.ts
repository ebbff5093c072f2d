import { fileURLToPath } from 'node:url'
import { connectSse, documentedApi, type ManagedProcess, spawnProcess, startProcess } from '@codex-bridge/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LaneWriter, serveRegistry, startBroker } from './gateway-fixture.ts'

const main = fileURLToPath(new URL('../dist/main.js', import.meta.url))

let broker: Awaited<ReturnType<typeof startBroker>>
beforeAll(async () => {
  broker = await startBroker()
}, 30_000)
afterAll(() => broker?.stop())

const start = async (env: Record<string, string> = {}): Promise<{ gateway: ManagedProcess; url: string }> => {
  const gateway = await startProcess({
    command: process.execPath,
    args: [main],
    env: { NATS_URL: broker.nats.url, PORT: '0', HOST: undefined, ...env },
    readyWhen: (output) => output.includes('"msg":"ready"'),
  })
  const port = Number(/"port":(\d+)[^\n]*"msg":"listening"/.exec(gateway.output())?.[1])
  return { gateway, url: `http://127.0.0.1:${port}` }
}

describe('the process', () => {
  it('logs its address, delivers within milliseconds and stops gracefully', async () => {
    const { gateway, url } = await start()
    const http = await documentedApi(url)
    expect((await http.get<{ status: string }>('/health')).body.status).toBe('degraded')
    const client = await connectSse(`${url}/events/stream`)
    const lane = new LaneWriter(broker.bus, 'timed')
    const times: number[] = []
    for (let made = 0; made < 200; made += 1) {
      const before = performance.now()
      const seq = await lane.append()
      const event = await client.waitFor(({ id }) => id === String(seq))
      times.push(event.receivedAt - before)
    }
    times.sort((left, right) => left - right)
    const [p50, p99] = [times[100] ?? 0, times[198] ?? 0]
    process.stdout.write(`append to client: p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms\n`)
    expect(p50).toBeLessThan(20)
    const slow = await serveRegistry(broker.bus, {
      listLanes: () => new Promise((resolve) => setTimeout(resolve, 500, { lanes: [], nextCursor: null })),
    })
    const inFlight = http.get('/lanes')
    await new Promise((resolve) => setTimeout(resolve, 100))
    const exit = gateway.stop()
    expect((await inFlight).status).toBe(200)
    expect(await exit).toMatchObject({ code: 0 })
    await client.untilDown()
    client.close()
    http.close()
    await slow.stop()
  }, 30_000)

  it.each([
    [{ HOST: '0.0.0.0' }, 'BRIDGE_ALLOW_UNAUTHENTICATED=1'],
    [{ PORT: 'x' }, 'PORT'],
    [{ BRIDGE_ALLOWED_ORIGINS: 'x' }, 'BRIDGE_ALLOWED_ORIGINS'],
  ])('exits with 78 on %j and prints the reason', async (env, line) => {
    const gateway = await spawnProcess({ command: process.execPath, args: [main], env: { NATS_URL: broker.nats.url, ...env } })
    expect(await gateway.exited).toMatchObject({ code: 78 })
    expect(gateway.output()).toContain(line)
  })

  it('serves other machines if that is allowed', async () => {
    const { gateway, url } = await start({ HOST: '0.0.0.0', BRIDGE_ALLOW_UNAUTHENTICATED: '1' })
    const http = await documentedApi(url)
    expect((await http.get('/health')).status).toBe(200)
    expect((await http.get('/health', { host: 'rebound.example' })).status).toBe(403)
    http.close()
    await gateway.stop()
  }, 20_000)
})
