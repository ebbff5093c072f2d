import { closeSync, existsSync, openSync, readFileSync, renameSync, statSync, writeSync } from 'node:fs'

const MAX_BYTES = 20 * 1024 * 1024
/** Rotated files; `<name>.log.1` is the newest. */
const OLDER_KEPT = 3

/** Output of one child. Written synchronously, so that the last output is on disk even if this process is killed. */
export class LogFile {
  readonly path: string
  readonly #maxBytes: number
  #file: number | undefined
  #bytes = 0

  constructor(path: string, maxBytes = MAX_BYTES) {
    this.path = path
    this.#maxBytes = maxBytes
    if (existsSync(path) && statSync(path).size > 0) this.#shift()
    this.#file = openSync(path, 'a', 0o600)
  }

  /** Does nothing once closed: a process may still write while it is being stopped. */
  write(chunk: string | Buffer): void {
    if (this.#file === undefined) return
    this.#bytes += writeSync(this.#file, typeof chunk === 'string' ? Buffer.from(chunk) : chunk)
    if (this.#bytes < this.#maxBytes) return
    closeSync(this.#file)
    this.#shift()
    this.#file = openSync(this.path, 'a', 0o600)
    this.#bytes = 0
  }

  /** Output since the last rotation. */
  text(): string {
    return readFileSync(this.path, 'utf8')
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file)
    this.#file = undefined
  }

  #shift(): void {
    for (let older = OLDER_KEPT - 1; older >= 0; older -= 1) {
      const from = older === 0 ? this.path : `${this.path}.${older}`
      if (existsSync(from)) renameSync(from, `${this.path}.${older + 1}`)
    }
  }
}
