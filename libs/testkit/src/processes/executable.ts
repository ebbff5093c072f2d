import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, isAbsolute, join, resolve } from 'node:path'

// Debian installs servers in sbin, which is not on the PATH of ordinary users.
const FALLBACK_DIRECTORIES = ['/usr/local/bin', '/usr/sbin', '/usr/local/sbin', '/opt/homebrew/bin']

const isExecutable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

/** The absolute path of a command, looked up on PATH and then where servers are usually installed; else undefined. */
export const findExecutable = (command: string, path: string = process.env.PATH ?? ''): string | undefined => {
  if (isAbsolute(command) || command.includes('/')) {
    const absolute = resolve(command)
    return isExecutable(absolute) ? absolute : undefined
  }
  const directories = [...path.split(delimiter).filter((entry) => entry !== ''), ...FALLBACK_DIRECTORIES]
  return directories.map((directory) => join(directory, command)).find(isExecutable)
}
