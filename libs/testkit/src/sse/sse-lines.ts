/**
 * Splits a decoded event stream into lines and tracks the last event id by the EventSource rules: also of frames without
 * data, which the parser does not report, and only of complete frames.
 */
export class SseLines {
  /** The id a reconnecting client sends; empty for none. */
  lastEventId: string
  #buffered: string
  #rest = ''
  #afterReturn = false

  constructor(lastEventId: string) {
    this.lastEventId = lastEventId
    this.#buffered = lastEventId
  }

  /** Passes every complete line to `onLine` without its end. The id of a frame takes effect at its blank line. */
  feed(chunk: string, onLine: (line: string) => void): void {
    // A return at the end of the last chunk has already ended its line.
    const text = this.#afterReturn && chunk.startsWith('\n') ? chunk.slice(1) : chunk
    this.#afterReturn = chunk === '' ? this.#afterReturn : chunk.endsWith('\r')
    const lines = `${this.#rest}${text}`.split(/\r\n|\r|\n/)
    this.#rest = lines.pop() ?? ''
    for (const line of lines) {
      this.#track(line)
      onLine(line)
    }
  }

  #track(line: string): void {
    if (line === '') {
      this.lastEventId = this.#buffered
    } else if (line === 'id') {
      this.#buffered = ''
    } else if (line.startsWith('id:') && !line.includes('\0')) {
      this.#buffered = line.slice(line[3] === ' ' ? 4 : 3)
    }
  }
}
