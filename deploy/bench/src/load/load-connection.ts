import { connect, type Socket } from 'node:net'

const HEAD_END = Buffer.from('\r\n\r\n')
const OK = Buffer.from('HTTP/1.1 200 ')

/** `paths` are spread over the connections. */
export type LoadTarget = { port: number; paths: readonly string[] }

/**
 * One keep-alive connection that sends the same GET again as soon as the answer is whole. It reads no more of an answer than its status
 * and its length: the client of a benchmark runs on the same cores as the server, and what it costs is taken from the server.
 */
export class LoadConnection {
  /** Whole answers with status 200. */
  answered = 0
  readonly #socket: Socket
  readonly #request: Buffer
  readonly #onFailure: (error: Error) => void
  #pending: Buffer = Buffer.alloc(0)
  #over = false

  constructor(port: number, path: string, onFailure: (error: Error) => void) {
    this.#request = Buffer.from(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAccept: application/json\r\n\r\n`)
    this.#onFailure = onFailure
    this.#socket = connect({ host: '127.0.0.1', port, noDelay: true })
    this.#socket.once('connect', () => this.#socket.write(this.#request))
    this.#socket.once('error', (error) => this.#fail(error))
    this.#socket.once('close', () => this.#fail(new Error('the server closed a connection')))
    this.#socket.on('data', (chunk: Buffer) => this.#read(chunk))
  }

  end(): void {
    this.#over = true
    this.#socket.destroy()
  }

  #read(chunk: Buffer): void {
    this.#pending = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk])
    const headEnd = this.#pending.indexOf(HEAD_END)
    if (headEnd === -1) return
    const head = this.#pending.toString('latin1', 0, headEnd)
    const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? Number.NaN)
    if (!this.#pending.subarray(0, OK.length).equals(OK) || Number.isNaN(length)) {
      this.#fail(new Error(`unexpected answer: ${head.slice(0, 200)}`))
      return
    }
    if (this.#pending.length < headEnd + HEAD_END.length + length) return
    this.#pending = Buffer.alloc(0)
    this.answered += 1
    this.#socket.write(this.#request)
  }

  #fail(error: Error): void {
    if (this.#over) return
    this.end()
    this.#onFailure(error)
  }
}
