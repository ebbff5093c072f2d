import { open } from 'node:fs/promises'
import { BoundedMap } from '@codex-bridge/platform'

/** The first line contains the thread's base instructions, about 20 KB. A longer line than this, in bytes, is not read. */
const FIRST_LINE_MAX = 256 * 1024
const CHUNK = 32 * 1024
/** Number of files whose originator is remembered. It never changes. */
const REMEMBERED = 5000

type Described = { originator?: unknown; path?: unknown }

/**
 * Fills in the originator of threads where Codex does not report it (0.130), from the first line of the thread's rollout. If that file
 * cannot be read, the thread stays as it is.
 */
export class OriginatorReader {
  readonly #known = new BoundedMap<string, string | null>(REMEMBERED)

  /** Completes a result about one thread or a page of threads. Any other result is returned unchanged. */
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
      this.#known.set(path, originator)
    }
    return { ...thread, originator: this.#known.get(path) ?? null }
  }
}

const lacksOriginator = (thread: unknown): thread is Described & { path: string } => {
  const { originator, path } = (thread ?? {}) as Described
  return (originator === undefined || originator === null) && typeof path === 'string' && path.endsWith('.jsonl')
}

/** @returns null when the file names none, undefined when it has no complete first line (yet) */
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
    // Not there yet, moved meanwhile, or cut off in the middle of a write. The next read tries again.
    return
  }
}

const originatorIn = (line: string): string | null => {
  const { payload } = JSON.parse(line) as { payload?: { originator?: unknown } }
  return typeof payload?.originator === 'string' ? payload.originator : null
}
