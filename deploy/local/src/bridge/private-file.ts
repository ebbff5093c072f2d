import { readFileSync, renameSync, writeFileSync } from 'node:fs'

/** Replaces a file of mode 0600 atomically: even after a crash a reader sees the old or the new content. */
export const writePrivateFile = (path: string, content: string): void => {
  const draft = `${path}.${process.pid}.new`
  writeFileSync(draft, content, { mode: 0o600 })
  renameSync(draft, path)
}

/** The parsed content; undefined if there is no such file or it is not JSON. */
export const readJsonFile = (path: string): unknown => {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as unknown
  } catch {
    return
  }
}
