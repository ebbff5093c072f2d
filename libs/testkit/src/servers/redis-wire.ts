import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'

export type RedisAddress = {
  readonly host: string
  readonly port: number
  readonly tls: boolean
  readonly username: string
  readonly password: string
  readonly database: number
}

/** The parts of a redis:// or rediss:// URL. */
export const parseRedisUrl = (url: string): RedisAddress => {
  const parsed = new URL(url)
  return {
    host: parsed.hostname,
    port: Number(parsed.port || 6379),
    tls: parsed.protocol === 'rediss:',
    username: decodeURIComponent(parsed.username),
    password: decodeURIComponent(parsed.password),
    database: Number(parsed.pathname.slice(1) || 0),
  }
}

const encode = (words: readonly string[]): string => {
  const parts = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`)
  return `*${words.length}\r\n${parts.join('')}`
}

/** Takes one status, error, integer or bulk reply off the front; undefined while it is incomplete. */
const takeReply = (bytes: Buffer): { reply: string | null; rest: Buffer } | undefined => {
  const end = bytes.indexOf('\r\n')
  if (end === -1) return
  const line = bytes.toString('utf8', 1, end)
  const after = bytes.subarray(end + 2)
  switch (bytes.toString('latin1', 0, 1)) {
    case '+':
    case ':':
      return { reply: line, rest: after }
    case '$': {
      const length = Number(line)
      if (length < 0) return { reply: null, rest: after }
      return after.length < length + 2 ? undefined : { reply: after.toString('utf8', 0, length), rest: after.subarray(length + 2) }
    }
    default:
      throw new Error(`redis: ${line}`)
  }
}

const open = ({ host, port, tls }: RedisAddress): Socket =>
  tls ? connectTls({ host, port, servername: host }) : connectTcp({ host, port })

/**
 * Runs one command on a connection of its own and resolves with its reply. Enough to drive a server from a test without
 * a client library: commands that answer with an array are not understood.
 */
export const runRedisCommand = (address: RedisAddress, words: readonly string[], timeoutMs = 2000): Promise<string | null> => {
  const login = address.username === '' ? [address.password] : [address.username, address.password]
  const commands = [
    ...(address.password === '' ? [] : [['AUTH', ...login]]),
    ...(address.database === 0 ? [] : [['SELECT', String(address.database)]]),
    words,
  ]
  return new Promise((resolve, reject) => {
    const socket = open(address)
    let pending: Buffer = Buffer.alloc(0)
    let missing = commands.length
    const fail = (error: Error): void => {
      socket.destroy()
      reject(error)
    }
    socket.setTimeout(timeoutMs, () => fail(new Error(`redis: no reply to ${words[0]} in ${timeoutMs} ms`)))
    socket.once('error', fail)
    socket.once('close', () => reject(new Error(`redis: connection closed before the reply to ${words[0]}`)))
    socket.on('data', (chunk: Buffer) => {
      pending = Buffer.concat([pending, chunk])
      try {
        for (let taken = takeReply(pending); taken; taken = takeReply(pending)) {
          pending = taken.rest
          missing -= 1
          if (missing === 0) {
            socket.destroy()
            resolve(taken.reply)
            return
          }
        }
      } catch (error) {
        fail(error as Error)
      }
    })
    socket.write(commands.map(encode).join(''))
  })
}
