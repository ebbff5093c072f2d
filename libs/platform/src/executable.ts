import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'

/** Servers are installed here too, although the PATH of an ordinary user often lacks these folders. */
const SERVER_FOLDERS = ['/usr/local/bin', '/usr/sbin', '/usr/local/sbin', '/opt/homebrew/bin', '/home/linuxbrew/.linuxbrew/bin']

const isExecutable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

/** Absolute path of a command given as a path, found on PATH, or found where servers are usually installed. */
export const findExecutable = (command: string, searchPath = process.env['PATH'] ?? ''): string | undefined => {
  if (command.includes('/')) return isExecutable(resolve(command)) ? resolve(command) : undefined
  const folders = [...searchPath.split(delimiter).filter((folder) => folder !== ''), ...SERVER_FOLDERS]
  return folders.map((folder) => join(folder, command)).find(isExecutable)
}
