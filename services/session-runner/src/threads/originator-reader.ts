import { open } from 'node:fs/promises'

/** The first line holds the thread's base instructions, about 20 KB; what is longer than this is not read, in bytes. */
const FIRST_LINE_MAX = 256 * 1024
const CHUNK = 32 * 1024
/** Files whose originator is remembered; it never changes. */
const REMEMBERED = 5000

type Described = { originator?: unknown; path?: unknown }

/**
 * Fills in the originator of threads where Codex does not tell it (0.130 does not): it stands in the first line of the thread's
 * rollout. A file that cannot be read leaves the thread as it is.
 */
export class OriginatorReader {
  readonly #known = new Map<string, string | null>()

  /** A result of Codex that is about one thread, or a page of them; anything else comes back untouched. */
  async complete<R>(result: R): Promise<R> {
    const { thread, data } = (result ?? {}) as { thread?: unknown; data?: unknown }
    if (lacksOriginator(thread)) return { ...result, thread: await this.#described(thread) }
    if (!Array.isArray(data) || !data.some(lacksOriginator)) return result
    return { ...result, data: await Promise.all(data.map((one: unknown) => (lacksOriginator(one) ? this.#described(one) : one))) }
  }

  async #described(thread: Described & { path: string }): Promise<Described> {
    const { path } = thread
    if (!this.#known.has(path)) {
      const originator = await readOriginator(path)
      if (originator === undefined) return thread
      if (this.#known.size >= REMEMBERED) this.#known.clear()
      this.#known.set(path, originator)
    }
    return { ...thread, originator: this.#known.get(path) ?? null }
  }
}

const lacksOriginator = (thread: unknown): thread is Described & { path: string } => {
  const { originator, path } = (thread ?? {}) as Described
  return (originator === undefined || originator === null) && typeof path === 'string' && path.endsWith('.jsonl')
}

/** @returns null when the file does not name one, undefined when there is no whole first line (yet) */
const readOriginator = async (path: string): Promise<string | null | undefined> => {
  try {
    await using file = await open(path, 'r')
    const chunks: Buffer[] = []
    for (let read = 0; read < FIRST_LINE_MAX; read += CHUNK) {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(CHUNK), 0, CHUNK, read)
      const end = buffer.subarray(0, bytesRead).indexOf(0x0a)
      chunks.push(buffer.subarray(0, end < 0 ? bytesRead : end))
      if (end >= 0) return originatorIn(Buffer.concat(chunks).toString('utf8'))
      if (bytesRead < CHUNK) return
    }
    return null
  } catch {
    // Not there yet, moved in the meantime, or cut in the middle of a write.
    return
  }
}

const originatorIn = (line: string): string | null => {
  const { payload } = JSON.parse(line) as { payload?: { originator?: unknown } }
  return typeof payload?.originator === 'string' ? payload.originator : null
}
