import { lstatSync, readdirSync, readFileSync } from 'node:fs'

/** True for anything at all, also a link that leads nowhere. */
export const isThere = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false }) !== undefined

/** Names in a folder; none where it cannot be read. */
export const listNames = (folder: string): string[] => {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

/** A file's text; undefined where it cannot be read. */
export const readText = (file: string): string | undefined => {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return
  }
}
