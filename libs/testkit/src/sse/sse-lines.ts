/**
 * Cuts a decoded event stream into lines and keeps the last event id as the EventSource rules have it: also from frames
 * without data, which parsers do not report, and only from frames that were complete.
 */
export class SseLines {
  /** The id a reconnecting client sends; empty when there is none. */
  lastEventId: string
  #buffered: string
  #rest = ''
  #afterReturn = false

  constructor(lastEventId: string) {
    this.lastEventId = lastEventId
    this.#buffered = lastEventId
  }

  /** Hands every complete line to `onLine`, without its end; the id of a frame is in force when its blank line comes. */
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
