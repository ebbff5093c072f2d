import { lstatSync, readdirSync, readFileSync } from 'node:fs'

/** Whether a path exists, also as a broken link. */
export const isThere = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false }) !== undefined

/** Names in a folder; none if it cannot be read. */
export const listNames = (folder: string): string[] => {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

/** A file's text; undefined if it cannot be read. */
export const readText = (file: string): string | undefined => {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return
  }
}
