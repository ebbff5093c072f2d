import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

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
 * Waits until something listens at one of the servers of a given URL (several are separated by commas).
 * @throws Error that names the variable, when nothing does within the time: the clients themselves would wait for ever, in silence
 */
export const reachServer = async (variable: string, urls: string, defaultPort: number, timeoutMs: number): Promise<void> => {
  const targets = urls.split(',').map((url) => {
    const text = url.includes('://') ? url : `tcp://${url}`
    if (!URL.canParse(text)) throw new Error(`${variable} holds no URL such as nats://host:4222`)
    const { hostname, port } = new URL(text)
    return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || defaultPort) }
  })
  const deadline = performance.now() + timeoutMs
  for (;;) {
    const reached = await Promise.all(targets.map(({ host, port }) => canConnect(host, port)))
    if (reached.includes(true)) return
    if (performance.now() > deadline) {
      throw new Error(`${variable}: nothing answers at ${targets.map(({ host, port }) => `${host}:${port}`).join(', ')}`)
    }
    await sleep(POLL_MS)
  }
}
