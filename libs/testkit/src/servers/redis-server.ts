import { Redis } from 'ioredis'
import { foreignControl, openServer, type ServerControl } from './server-control.ts'

export type RedisOptions = {
  /** Directory of the append-only file; kept after `stop()`. Default: a temp directory, removed with the server. */
  dataDir?: string
  port?: number
  /** Required from clients, and part of the returned URL. */
  password?: string
  /** Default true: acknowledged writes survive `kill()`. False starts a server that loses them. */
  appendOnly?: boolean
  /** Never take the server given by BRIDGE_TEST_REDIS_URL. */
  exclusive?: boolean
}

export type RedisServer = ServerControl & {
  readonly url: string
  readonly port: number
  readonly version: string
  /** Undefined for a server given by URL. */
  readonly dataDir: string | undefined
  /** Empties the server; for one given by URL only the database in the URL. */
  flush(): Promise<void>
  /** Runs one command and returns its reply as text. */
  command(...words: string[]): Promise<string | null>
}

const COMMAND_TIMEOUT_MS = 2000
const FLUSH_TIMEOUT_MS = 10_000

/** Runs one command on a connection of its own, without retries. */
const runCommand = async (url: string, words: readonly string[], timeoutMs = COMMAND_TIMEOUT_MS): Promise<string | null> => {
  const client = new Redis(url, {
    lazyConnect: true,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    connectTimeout: timeoutMs,
    commandTimeout: timeoutMs,
    enableReadyCheck: false,
    disableClientInfo: true,
  })
  let problem: Error | undefined
  client.on('error', (error) => {
    problem = error
  })
  try {
    const [command = '', ...args] = words
    await client.connect()
    const reply = await client.call(command, ...args)
    return reply === null ? null : String(reply)
  } catch (error) {
    // Once the connection is closed the client reports only that; the reason came before, as an event.
    const reason = problem ?? (error as Error)
    if (reason.message === 'Command timed out') throw new Error(`no reply to ${words[0]} in ${timeoutMs} ms`, { cause: reason })
    throw reason
  } finally {
    client.disconnect()
  }
}

const readField = (info: string | null, name: string): string => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info ?? '')?.[1] ?? ''

const describeServer = async (
  url: string,
  flushCommand: string,
): Promise<Pick<RedisServer, 'url' | 'port' | 'version' | 'flush' | 'command'>> => ({
  url,
  port: Number(new URL(url).port || 6379),
  version: readField(await runCommand(url, ['INFO', 'server']), 'redis_version'),
  flush: async () => {
    await runCommand(url, [flushCommand], FLUSH_TIMEOUT_MS)
  },
  command: (...words) => runCommand(url, words),
})

/**
 * A real Redis server for a test: the one named by BRIDGE_TEST_REDIS_URL (unless the test asks for one of its own, or
 * for a port, directory or password), else a container, else the local binary. The test must `stop()` it.
 */
export const startRedis = async (options: RedisOptions = {}): Promise<RedisServer> => {
  const { dataDir: givenDir, port, password = '', appendOnly, exclusive = false } = options
  const givenUrl = process.env.BRIDGE_TEST_REDIS_URL
  const isSpecial = givenDir !== undefined || port !== undefined || password !== '' || appendOnly !== undefined
  if (givenUrl && !exclusive && !isSpecial) {
    const control = foreignControl('BRIDGE_TEST_REDIS_URL')
    return { ...control, ...(await describeServer(givenUrl, 'FLUSHDB')), dataDir: undefined }
  }
  const login = password === '' ? '' : `:${encodeURIComponent(password)}@`
  const urlOf = (address: string, onPort: number): string => `redis://${login}${address}:${onPort}`
  const { host, control, dataDir } = await openServer(
    {
      binary: 'redis-server',
      image: 'redis:7-alpine',
      containerPort: 6379,
      containerCommand: ['redis-server'],
      configText: undefined,
      // Protected mode would refuse the clients of a container, which do not connect from its loopback.
      args: (place) => [
        ...['--bind', place.bindAddress, '--port', String(place.port), '--protected-mode', 'no'],
        ...['--dir', place.dataDir, '--appendonly', appendOnly === false ? 'no' : 'yes', '--save', ''],
        ...(password === '' ? [] : ['--requirepass', password]),
      ],
      // The process id distinguishes our server from another one that took the port first.
      probe: async (address, probedPort, pid) => {
        const info = await runCommand(urlOf(address, probedPort), ['INFO', 'server'], 1000)
        return pid === undefined || readField(info, 'process_id') === String(pid)
      },
    },
    { dataDir: givenDir, port },
  )
  return { ...control, ...(await describeServer(urlOf(host.address, host.port), 'FLUSHALL')), dataDir }
}
