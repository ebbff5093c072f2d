/** Default limit for one line. The largest message seen, a full thread history, is well below it. */
const DEFAULT_MAX_LINE_BYTES = 64 * 1024 * 1024

const NEWLINE = 0x0a
const PREVIEW_BYTES = 200

/** Why a line was dropped. `bytes` is the length of the whole line, `preview` its first characters. */
type LineError = {
  kind: 'invalid_json' | 'line_too_long'
  bytes: number
  preview: string
}

/** One line of the stream: its value, or why it was dropped. */
export type JsonLine = { value: unknown } | { error: LineError }

/**
 * Incremental decoder of newline-delimited JSON.
 *
 * Chunks are kept as they come and joined once per line, so a line of n bytes costs O(n) whatever the chunk size. Text is decoded per
 * line, so a chunk may end inside a UTF-8 sequence. CRLF is accepted, and blank lines are skipped.
 */
export class JsonLineDecoder {
  readonly #maxLineBytes: number
  #parts: Buffer[] = []
  #bytes = 0
  /** Set while the rest of an overlong line is being dropped. */
  #skipping: { bytes: number; preview: string } | undefined

  /** @param maxLineBytes longest line kept in memory, in bytes, without its newline; a longer one is dropped */
  constructor(maxLineBytes = DEFAULT_MAX_LINE_BYTES) {
    this.#maxLineBytes = maxLineBytes
  }

  /** Takes the next bytes of the stream. Lines come out in order, each before the bytes after it are read. */
  *push(chunk: Buffer): Generator<JsonLine> {
    let start = 0
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      this.#append(chunk.subarray(start, end))
      start = end + 1
      yield* this.#finishLine()
    }
    this.#append(chunk.subarray(start))
  }

  /** Ends the stream: a last line without newline counts as a line. */
  *end(): Generator<JsonLine> {
    if (this.#bytes > 0 || this.#skipping) yield* this.#finishLine()
  }

  #append(part: Buffer): void {
    if (part.length === 0) return
    if (this.#skipping) {
      this.#skipping.bytes += part.length
      return
    }
    this.#parts.push(part)
    this.#bytes += part.length
    if (this.#bytes > this.#maxLineBytes) {
      this.#skipping = { bytes: this.#bytes, preview: this.#take().subarray(0, PREVIEW_BYTES).toString('utf8') }
    }
  }

  *#finishLine(): Generator<JsonLine> {
    if (this.#skipping) {
      const { bytes, preview } = this.#skipping
      this.#skipping = undefined
      yield { error: { kind: 'line_too_long', bytes, preview } }
      return
    }
    const line = this.#take()
    const text = line.toString('utf8').trim()
    if (text !== '') yield parse(text, line.length)
  }

  #take(): Buffer {
    const [first] = this.#parts
    const line = this.#parts.length === 1 && first ? first : Buffer.concat(this.#parts, this.#bytes)
    this.#parts = []
    this.#bytes = 0
    return line
  }
}

const parse = (text: string, bytes: number): JsonLine => {
  try {
    return { value: JSON.parse(text) }
  } catch {
    return { error: { kind: 'invalid_json', bytes, preview: text.slice(0, PREVIEW_BYTES) } }
  }
}

/**
 * One value as one line, newline included.
 * @throws TypeError for a value without a JSON form (undefined, a function, a cycle)
 */
export const encodeJsonLine = (value: unknown): string => {
  const text = JSON.stringify(value)
  if (text === undefined) throw new TypeError('value has no JSON form')
  return `${text}\n`
}
