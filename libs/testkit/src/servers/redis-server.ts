import { parseRedisUrl, runRedisCommand } from './redis-wire.ts'
import { foreignControl, openServer, type ServerControl } from './server-control.ts'

export type RedisOptions = {
  /** Directory of the append-only file; kept after `stop()`. Default: a temp directory that goes with the server. */
  dataDir?: string
  port?: number
  /** Demands this password from clients; it is part of the returned URL. */
  password?: string
  /** Default true: what was answered survives `kill()`. False gives a server that forgets. */
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
  /** Empties the server; of one given by URL only the database which the URL names. */
  flush(): Promise<void>
  /** Runs one command whose reply is not an array. */
  command(...words: string[]): Promise<string | null>
}

const field = (info: string | null, name: string): string => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info ?? '')?.[1] ?? ''

const describeServer = async (
  url: string,
  flushCommand: string,
): Promise<Pick<RedisServer, 'url' | 'port' | 'version' | 'flush' | 'command'>> => {
  const address = parseRedisUrl(url)
  const version = field(await runRedisCommand(address, ['INFO', 'server']), 'redis_version')
  return {
    url,
    port: address.port,
    version,
    flush: async () => {
      await runRedisCommand(address, [flushCommand], 10_000)
    },
    command: (...words) => runRedisCommand(address, words),
  }
}

/**
 * A real Redis server for a test: the one named by BRIDGE_TEST_REDIS_URL (unless the test asks for one of its own, or
 * for a port, directory or password), else a container, else the local binary. The test must `stop()` it.
 */
export const startRedis = async (options: RedisOptions = {}): Promise<RedisServer> => {
  const { dataDir: givenDir, port, password = '', appendOnly, exclusive = false } = options
  const givenUrl = process.env.BRIDGE_TEST_REDIS_URL
  const ownWishes = givenDir !== undefined || port !== undefined || password !== '' || appendOnly !== undefined
  if (givenUrl && !exclusive && !ownWishes) {
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
      // Protected mode would refuse the clients of a container, which do not come from its loopback.
      args: (place) => [
        ...['--bind', place.bindAddress, '--port', String(place.port), '--protected-mode', 'no'],
        ...['--dir', place.dataDir, '--appendonly', appendOnly === false ? 'no' : 'yes', '--save', ''],
        ...(password === '' ? [] : ['--requirepass', password]),
      ],
      // The process id tells our server from another one that took the chosen port first.
      probe: async (address, probedPort, pid) => {
        const info = await runRedisCommand(parseRedisUrl(urlOf(address, probedPort)), ['INFO', 'server'], 1000)
        return pid === undefined || field(info, 'process_id') === String(pid)
      },
    },
    { dataDir: givenDir, port },
  )
  return { ...control, ...(await describeServer(urlOf(host.address, host.port), 'FLUSHALL')), dataDir }
}
