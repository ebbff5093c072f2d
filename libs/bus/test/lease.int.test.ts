import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { BUCKETS } from '@codex-bridge/contracts'
import { spawnProcess, waitFor } from '@codex-bridge/testkit'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import type { Bus } from '../src/bus.ts'
import { runAsLeader } from '../src/leases/leader.ts'
import { LEASE_TTL_MS, type LeaseHolder, LeaseTable } from '../src/leases/lease.ts'
import { type Broker, startBroker } from './bus-fixture.ts'

let broker: Broker
beforeAll(async () => {
  broker = await startBroker()
})
afterAll(() => broker.stop())
afterEach(() => vi.useRealTimers())

const holderOf = (id: string, instance = `${id}-run`): LeaseHolder => ({ id, instance, host: 'here', pid: process.pid, startTime: null })
const tableOf = (id: string, isDead: (holder: LeaseHolder) => boolean = () => false, bus: Bus = broker.bus) =>
  LeaseTable.open(bus, holderOf(id), isDead)
const lives = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
const never = () => {
  throw new Error('the lease was reported lost')
}

/** The bucket's time to live, shortened so that the test need not wait for the real one. */
const withTtl = async (ms: number, test: () => Promise<void>) => {
  const stream = `KV_${BUCKETS.leases}`
  const setAge = (age: number) =>
    broker.bus.jsm.streams.update(stream, { max_age: age * 1_000_000, duplicate_window: Math.min(age, 120_000) * 1_000_000 })
  await setAge(ms)
  try {
    await test()
  } finally {
    await setAge(LEASE_TTL_MS)
  }
}

describe('a lease', () => {
  it('is held by one at a time, and released for the next, with a growing epoch', async () => {
    const [left, right] = [await tableOf('left'), await tableOf('right')]
    const lease = await left.acquire('lane.one', never)
    expect(lease?.state()).toBe('held')
    expect(await right.acquire('lane.one', never)).toBeUndefined()
    expect(await right.holder('lane.one')).toEqual(holderOf('left'))
    expect(await right.holders('lane.')).toEqual(new Map([['one', holderOf('left')]]))
    await lease?.release()
    expect(lease?.state()).toBe('lost')
    expect(await right.holder('lane.one')).toBeUndefined()
    expect(await right.holders('lane.')).toEqual(new Map())
    const next = await right.acquire('lane.one', never)
    expect(next?.epoch).toBeGreaterThan(lease?.epoch ?? 0)
    await next?.release()
  })

  it('of two that ask at once goes to one', async () => {
    const tables = await Promise.all(['a', 'b', 'c', 'd'].map((id) => tableOf(id)))
    const leases = await Promise.all(tables.map((table) => table.acquire('lane.race', never)))
    expect(leases.filter((lease) => lease !== undefined)).toHaveLength(1)
    await Promise.all(leases.map((lease) => lease?.release()))
  })

  it('is not released by one who no longer has it', async () => {
    const [left, right] = [await tableOf('left'), await tableOf('right', (holder) => holder.id === 'left')]
    const old = await left.acquire('lane.stolen', () => undefined)
    const stolen = await right.acquire('lane.stolen', never)
    expect(stolen?.epoch).toBeGreaterThan(old?.epoch ?? 0)
    await old?.release()
    expect(await right.holder('lane.stolen')).toEqual(holderOf('right'))
    await stolen?.release()
  })

  it('of a provably dead holder is taken over at once; of one that may live it is not', async () => {
    const script = fileURLToPath(new URL('lease-process.mjs', import.meta.url))
    const child = await spawnProcess({ command: process.execPath, args: [script, broker.nats.url, 'lane.dead'] })
    await waitFor(() => child.output().includes('held'), { timeoutMs: 10_000 })
    const prover = await tableOf('prover', (holder) => holder.id === 'child' && !lives(holder.pid))
    expect(await prover.acquire('lane.dead', never)).toBeUndefined()
    child.kill('SIGKILL')
    await child.exited
    const unsure = await tableOf('unsure')
    expect(await unsure.acquire('lane.dead', never)).toBeUndefined()
    const lease = await prover.acquire('lane.dead', never)
    expect(lease?.state()).toBe('held')
    expect(lease?.epoch).toBeGreaterThan(Number(/held (\d+)/.exec(child.output())?.[1]))
    await lease?.release()
  })

  it('of a holder that was killed expires by itself', async () => {
    await withTtl(2000, async () => {
      const script = fileURLToPath(new URL('lease-process.mjs', import.meta.url))
      const child = await spawnProcess({ command: process.execPath, args: [script, broker.nats.url, 'lane.expires'] })
      await waitFor(() => child.output().includes('held'), { timeoutMs: 10_000 })
      child.kill('SIGKILL')
      await child.exited
      const table = await tableOf('next')
      expect(await table.acquire('lane.expires', never)).toBeUndefined()
      const lease = await waitFor(() => table.acquire('lane.expires', never), { timeoutMs: 5000, intervalMs: 100 })
      expect(lease.state()).toBe('held')
      await lease.release()
    })
  })

  it('outlives a restart of the server that is longer than its life, and keeps its epoch', async () => {
    await withTtl(2000, async () => {
      const bus = await broker.connect()
      const table = await tableOf('keeper', () => false, bus)
      const lease = await table.acquire('lane.kept', never)
      const epoch = lease?.epoch
      await broker.nats.kill('SIGKILL')
      await sleep(2200)
      await broker.restart()
      await waitFor(async () => (await (await tableOf('other')).holder('lane.kept'))?.id === 'keeper', { timeoutMs: 10_000 })
      expect([lease?.state(), lease?.epoch]).toEqual(['held', epoch])
      await lease?.release()
    })
  })

  it('says once that it is lost when another holder has taken it in the meantime', async () => {
    const bus = await broker.connect()
    const told: string[] = []
    const table = await tableOf('loser', () => false, bus)
    const lease = await table.acquire('lane.taken', () => told.push('lost'))
    const thief = await tableOf('thief', () => true)
    const taken = await thief.acquire('lane.taken', never)
    await bus.nc.reconnect()
    await waitFor(() => told.length > 0, { timeoutMs: 8000 })
    expect(lease?.state()).toBe('lost')
    // The second lease is looked at after the next reconnect as well: once its loss is told, that of the first was not told again.
    await table.acquire('lane.taken-next', () => told.push('next lost'))
    const takenNext = await thief.acquire('lane.taken-next', never)
    await bus.nc.reconnect()
    await waitFor(() => told.includes('next lost'), { timeoutMs: 8000 })
    expect(told).toEqual(['lost', 'next lost'])
    await takenNext?.release()
    expect(await thief.holder('lane.taken')).toEqual(holderOf('thief'))
    await taken?.release()
  })

  it("turns unsure by the holder's own clock when nothing is confirmed any more", async () => {
    const table = await tableOf('unsure-holder')
    const lease = await table.acquire('lane.unsure', never)
    const start = performance.now()
    expect(lease?.state()).toBe('held')
    vi.spyOn(performance, 'now').mockReturnValue(start + LEASE_TTL_MS / 2 + 1000)
    expect(lease?.state()).toBe('unsure')
    vi.restoreAllMocks()
    await lease?.release()
  })
})

describe('runAsLeader', () => {
  it('has one leader, and a next one when it goes', async () => {
    const log: string[] = []
    const run = async (id: string) => {
      const ending = new AbortController()
      const table = await tableOf(id)
      const acquire = vi.spyOn(table, 'acquire')
      const running = runAsLeader({ table, role: 'test', signal: ending.signal }, async (signal) => {
        log.push(`${id} leads`)
        await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
        log.push(`${id} ends`)
      })
      return {
        acquire,
        stop: async () => {
          ending.abort()
          await running
        },
      }
    }
    const first = await run('first')
    await waitFor(() => log.length === 1)
    const second = await run('second')
    await waitFor(() => second.acquire.mock.settledResults.length > 0)
    expect(log).toEqual(['first leads'])
    await first.stop()
    await waitFor(() => log.length === 3, { timeoutMs: 4000 })
    expect(log).toEqual(['first leads', 'first ends', 'second leads'])
    await second.stop()
  })

  it('leads again after its work failed', async () => {
    const ending = new AbortController()
    const problems: unknown[] = []
    let terms = 0
    const running = runAsLeader(
      {
        table: await tableOf('clumsy'),
        role: 'clumsy',
        signal: ending.signal,
        observe: (_event, problem) => problem && problems.push(problem),
      },
      async () => {
        terms += 1
        if (terms === 1) throw new Error('oops')
        await new Promise<void>((resolve) => ending.signal.addEventListener('abort', () => resolve(), { once: true }))
      },
    )
    await waitFor(() => terms === 2, { timeoutMs: 4000 })
    expect(String(problems[0])).toContain('oops')
    ending.abort()
    await running
  })
})
