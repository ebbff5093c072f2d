/** Default ceiling for one line. A full thread history is the largest message seen and stays well below it. */
export const DEFAULT_MAX_LINE_BYTES = 64 * 1024 * 1024

const NEWLINE = 0x0a
const PREVIEW_BYTES = 200

/** Why a line was dropped. `bytes` is the length of the whole line, `preview` its first characters. */
export type LineError = {
  kind: 'invalid_json' | 'line_too_long'
  bytes: number
  preview: string
}

export type JsonLineDecoderOptions = {
  /** One parsed line, in order of arrival. */
  onValue: (value: unknown) => void
  /** One dropped line. Decoding goes on with the next one. */
  onError: (error: LineError) => void
  /** Longest line kept in memory, in bytes, without its newline. Default {@link DEFAULT_MAX_LINE_BYTES}. */
  maxLineBytes?: number
}

/**
 * Incremental decoder of newline-delimited JSON.
 *
 * Chunks are kept as they come and joined once per line, so a line of n bytes costs O(n) whatever the chunk size; text is
 * decoded per line, so a chunk border inside a UTF-8 sequence does no harm. CRLF is accepted, blank lines are skipped.
 */
export class JsonLineDecoder {
  readonly #options: JsonLineDecoderOptions
  readonly #maxLineBytes: number
  #parts: Buffer[] = []
  #bytes = 0
  /** Set while the rest of an overlong line is being thrown away. */
  #skipping: { bytes: number; preview: string } | undefined

  constructor(options: JsonLineDecoderOptions) {
    this.#options = options
    this.#maxLineBytes = options.maxLineBytes ?? DEFAULT_MAX_LINE_BYTES
  }

  /** Feeds the next bytes of the stream. */
  push(chunk: Buffer): void {
    let start = 0
    for (;;) {
      const end = chunk.indexOf(NEWLINE, start)
      if (end === -1) {
        this.#append(chunk.subarray(start))
        return
      }
      this.#append(chunk.subarray(start, end))
      this.#finishLine()
      start = end + 1
    }
  }

  /** Ends the stream: a last line without newline counts as a line. */
  end(): void {
    if (this.#bytes > 0 || this.#skipping) this.#finishLine()
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

  #finishLine(): void {
    if (this.#skipping) {
      const { bytes, preview } = this.#skipping
      this.#skipping = undefined
      this.#options.onError({ kind: 'line_too_long', bytes, preview })
      return
    }
    const line = this.#take()
    const text = line.toString('utf8').trim()
    if (text === '') return
    let value: unknown
    try {
      value = JSON.parse(text)
    } catch {
      this.#options.onError({ kind: 'invalid_json', bytes: line.length, preview: text.slice(0, PREVIEW_BYTES) })
      return
    }
    this.#options.onValue(value)
  }

  #take(): Buffer {
    const [first] = this.#parts
    const line = this.#parts.length === 1 && first ? first : Buffer.concat(this.#parts, this.#bytes)
    this.#parts = []
    this.#bytes = 0
    return line
  }
}

/**
 * One value as one line, newline included.
 * @throws TypeError for a value JSON cannot carry (undefined, a function, a cycle)
 */
export const encodeJsonLine = (value: unknown): string => {
  const text = JSON.stringify(value)
  if (text === undefined) throw new TypeError('value has no JSON form')
  return `${text}\n`
}
