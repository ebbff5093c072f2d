/** codex logs text to stderr. The last few lines are enough for a diagnosis. */
const DEFAULT_KEEP_BYTES = 8 * 1024

// biome-ignore lint/suspicious/noControlCharactersInRegex: ESC starts a terminal sequence.
const ANSI = /\u001b(?:\[[0-?]*[ -/]*[@-~]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[@-Z\\-_])/g

/** Removes terminal control sequences (colours, cursor moves, titles). */
export const stripAnsi = (text: string): string => text.replace(ANSI, '')

/** Ring buffer over the end of a byte stream. */
export class StderrTail {
  readonly #keepBytes: number
  #parts: Buffer[] = []
  #bytes = 0

  /** @param keepBytes maximum size of the text that {@link read} returns, in bytes */
  constructor(keepBytes = DEFAULT_KEEP_BYTES) {
    this.#keepBytes = keepBytes
  }

  push(chunk: Buffer): void {
    this.#parts.push(chunk)
    this.#bytes += chunk.length
    // Twice the size, because colour codes take part of it. Cut rarely, so that a push stays cheap.
    if (this.#bytes > 4 * this.#keepBytes) {
      const kept = Buffer.concat(this.#parts).subarray(-2 * this.#keepBytes)
      // A copy: a subarray would keep the whole chunk in memory.
      this.#parts = [Buffer.from(kept)]
      this.#bytes = kept.length
    }
  }

  /** The end of what was written, without terminal sequences. */
  read(): string {
    const text = stripAnsi(Buffer.concat(this.#parts).toString('utf8'))
    const bytes = Buffer.from(text)
    return bytes.length <= this.#keepBytes ? text : bytes.subarray(-this.#keepBytes).toString('utf8')
  }
}
