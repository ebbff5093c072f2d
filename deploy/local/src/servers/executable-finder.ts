import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, isAbsolute, join } from 'node:path'

/** Servers are installed here too, although an ordinary user's PATH often lacks these. */
const SERVER_FOLDERS = ['/usr/local/bin', '/usr/sbin', '/usr/local/sbin', '/opt/homebrew/bin', '/home/linuxbrew/.linuxbrew/bin']

const isExecutable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

/** Absolute path of a command, from PATH and then from where servers usually are. */
export const findExecutable = (name: string, searchPath = process.env['PATH'] ?? ''): string | undefined => {
  if (isAbsolute(name)) return isExecutable(name) ? name : undefined
  const folders = [...searchPath.split(delimiter).filter((folder) => folder !== ''), ...SERVER_FOLDERS]
  return folders.map((folder) => join(folder, name)).find(isExecutable)
}
