import { connect } from 'node:net'
import { poll } from '@codex-bridge/platform'

const ATTEMPT_MS = 2000
const POLL_MS = 250

const canConnect = (host: string, port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host, port, timeout: ATTEMPT_MS })
    const settle = (reached: boolean) => (): void => {
      socket.destroy()
      resolve(reached)
    }
    socket.once('connect', settle(true)).once('timeout', settle(false)).once('error', settle(false))
  })

/**
 * Waits until one of the servers of a URL accepts connections (several are separated by commas).
 * @throws Error that names the variable after the timeout: the clients themselves would wait forever, in silence
 */
export const reachServer = async (variable: string, urls: string, defaultPort: number, timeoutMs: number): Promise<void> => {
  const targets = urls.split(',').map((url) => {
    const text = url.includes('://') ? url : `tcp://${url}`
    if (!URL.canParse(text)) throw new Error(`${variable} holds no URL such as nats://host:4222`)
    const { hostname, port } = new URL(text)
    return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || defaultPort) }
  })
  const anyReached = async (): Promise<boolean> =>
    (await Promise.all(targets.map(({ host, port }) => canConnect(host, port)))).includes(true)
  if (await poll(anyReached, { timeoutMs, everyMs: POLL_MS })) return
  throw new Error(`${variable}: nothing answers at ${targets.map(({ host, port }) => `${host}:${port}`).join(', ')}`)
}
