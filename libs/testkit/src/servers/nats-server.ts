import { randomUUID } from 'node:crypto'
import { connect } from 'node:net'
import { foreignControl, openServer, type ServerControl } from './server-control.ts'

export type NatsOptions = {
  /** JetStream's directory; kept after `stop()`. Default: a temp directory, removed with the server. */
  storeDir?: string
  port?: number
  /** Further config, such as users and limits. Address, server name and JetStream's directory are set here. */
  configText?: string
  /** Never take the server given by BRIDGE_TEST_NATS_URL; needed by tests that kill it or rely on an empty store. */
  exclusive?: boolean
}

export type NatsServer = ServerControl & {
  readonly url: string
  readonly port: number
  readonly version: string
  /** Undefined for a server given by URL; inside a container it is a path of the container unless it was given. */
  readonly storeDir: string | undefined
}

/** The part of the server's INFO line that tests use. */
export type NatsInfo = {
  readonly server_name: string
  readonly version: string
  readonly jetstream?: boolean
  readonly max_payload: number
}

/** Reads the INFO line that a NATS server sends first on every connection. */
export const readNatsInfo = (host: string, port: number, timeoutMs = 1000): Promise<NatsInfo> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host, port })
    let text = ''
    const fail = (error: Error): void => {
      socket.destroy()
      reject(error)
    }
    socket.setTimeout(timeoutMs, () => fail(new Error(`no INFO from ${host}:${port} in ${timeoutMs} ms`)))
    socket.once('error', fail)
    socket.once('close', () => reject(new Error(`${host}:${port} closed the connection before its INFO`)))
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
      const end = text.indexOf('\r\n')
      if (end !== -1) {
        socket.destroy()
        try {
          resolve(JSON.parse(text.slice(text.indexOf('{'), end)) as NatsInfo)
        } catch {
          reject(new Error(`${host}:${port} is not a NATS server: ${text.slice(0, 80)}`))
        }
      }
    })
  })

const givenServer = async (givenUrl: string): Promise<NatsServer> => {
  const { hostname, port } = new URL(givenUrl)
  const number = Number(port || 4222)
  const { version } = await readNatsInfo(hostname, number, 5000)
  const control = foreignControl('BRIDGE_TEST_NATS_URL')
  return { ...control, url: givenUrl, port: number, version, storeDir: undefined }
}

/**
 * A real NATS server with JetStream for a test: the one named by BRIDGE_TEST_NATS_URL (unless the test asks for one of
 * its own, or for a port, store or config), else a container, else the local binary. The test must `stop()` it.
 */
export const startNats = async (options: NatsOptions = {}): Promise<NatsServer> => {
  const { storeDir, port, configText, exclusive = false } = options
  const givenUrl = process.env.BRIDGE_TEST_NATS_URL
  const shareable = !exclusive && storeDir === undefined && port === undefined && configText === undefined
  if (givenUrl && shareable) return givenServer(givenUrl)
  // The name distinguishes our server from another one that took the port first.
  const name = `testkit-${randomUUID()}`
  const { host, control, dataDir } = await openServer(
    {
      binary: 'nats-server',
      image: 'nats:2.10-alpine',
      containerPort: 4222,
      containerCommand: [],
      configText,
      args: (place) => [
        ...['-a', place.bindAddress, '-p', String(place.port), '-n', name, '-js', '-sd', place.dataDir],
        ...(configText === undefined ? [] : ['-c', place.configPath]),
      ],
      probe: async (address, probedPort) => (await readNatsInfo(address, probedPort)).server_name === name,
    },
    { dataDir: storeDir, port },
  )
  const { version } = await readNatsInfo(host.address, host.port)
  return { ...control, url: `nats://${host.address}:${host.port}`, port: host.port, version, storeDir: dataDir }
}
