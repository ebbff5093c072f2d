import { connect } from 'node:net'

export type RawSocketOptions = {
  host?: string
  /** Longest time in all; default 3000. */
  timeoutMs?: number
  /** Silence after which a reply counts as complete, for servers that keep the connection open; default 250. */
  quietMs?: number
}

/**
 * Sends exact bytes and resolves with everything that came back (one character per byte), when the server closes, falls
 * silent after a reply, or the time is over. A reset ends the reply like a close; only a failed connect rejects.
 */
export const rawSocket = (port: number, bytes: string | Uint8Array, options: RawSocketOptions = {}): Promise<string> => {
  const { host = '127.0.0.1', timeoutMs = 3000, quietMs = 250 } = options
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let connected = false
    let quiet: NodeJS.Timeout | undefined
    const socket = connect({ host, port })
    const finish = (): void => {
      clearTimeout(timer)
      clearTimeout(quiet)
      socket.destroy()
      resolve(Buffer.concat(chunks).toString('latin1'))
    }
    const timer = setTimeout(finish, timeoutMs)
    socket.once('connect', () => {
      connected = true
      socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
    })
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      clearTimeout(quiet)
      quiet = setTimeout(finish, quietMs)
    })
    socket.once('close', finish)
    socket.once('error', (error) => {
      if (!connected) {
        clearTimeout(timer)
        reject(error)
      }
    })
  })
}
