/** A held whole-file lock of flock(2), as listed in /proc/locks. */
export type FileLock = { pid: number; inode: number }

/**
 * The held flock(2) locks in the text of /proc/locks. Lines with `->` wait for the lock above them and hold nothing. A process outside
 * this pid namespace appears as pid 0 or not at all.
 */
export const parseFileLocks = (text: string): FileLock[] =>
  text.split('\n').flatMap((line) => {
    const match = /^\d+:\s+FLOCK\s+\S+\s+\S+\s+(\d+)\s+[0-9a-f]+:[0-9a-f]+:(\d+)\s/i.exec(line)
    return match ? [{ pid: Number(match[1]), inode: Number(match[2]) }] : []
  })

/** The thread whose writer lock a path is, as the link of an open file shows it. */
export const lockedThreadOf = (path: string): { locks: string; threadId: string } | undefined => {
  const match = /^(.*\/thread-writer-locks)\/([^/]+)\.lock( \(deleted\))?$/.exec(path)
  return match?.[1] !== undefined && match[2] !== undefined ? { locks: match[1], threadId: match[2] } : undefined
}

/** Boot time in seconds since 1970, from the text of /proc/stat. */
export const parseBootTime = (text: string): number | undefined => {
  const match = /^btime (\d+)$/m.exec(text)
  return match ? Number(match[1]) : undefined
}

/** NUL-separated text, the form of command lines and environments in /proc. */
export const parseNulSeparated = (text: string): string[] => text.split('\0').filter((part) => part !== '')

/** The mount point a path lies on, from the text of /proc/self/mountinfo: the longest mount point wins. */
export const mountPointOf = (mountInfo: string, path: string): string => {
  const points = mountInfo.split('\n').flatMap((line) => line.split(' ')[4] ?? [])
  const holding = points.filter((point) => point === '/' || path === point || path.startsWith(`${point}/`))
  return holding.sort((left, right) => right.length - left.length)[0] ?? '/'
}

/** What limits the view of this process. */
export type VisibilityLimits = {
  platform: string
  switchedOff: boolean
  locksReadable: boolean
  /** Codex has created its folder of writer locks, as it does with the first thread since 0.147. */
  homeHasLocks: boolean
  /** This process is in the pid namespace of the host itself. */
  onHost: boolean
  /** The Codex home is mounted from elsewhere, so processes that are not visible may use it. */
  homeIsMounted: boolean
  /** Threads that processes of this runner certainly hold, and how many of their locks are visible. */
  ownThreads: number
  ownThreadsSeen: number
}

/** Why processes and locks of the host are not visible from here; null when they are. */
export const whyInvisible = (limits: VisibilityLimits): string | null => {
  if (limits.switchedOff) return 'Scanning processes is switched off (BRIDGE_PROCESS_VIEW=off)'
  if (limits.platform !== 'linux') return `Processes are read from /proc, which ${limits.platform} does not have`
  if (!limits.locksReadable) return '/proc/locks cannot be read'
  if (!limits.onHost && limits.homeIsMounted)
    return 'The runner is in a container and its Codex home is mounted: processes of the host that use it are not visible'
  if (limits.ownThreads > 0 && !limits.homeHasLocks)
    return 'This Codex keeps no writer locks: which process has a thread open is not visible'
  if (limits.ownThreads > 0 && limits.ownThreadsSeen === 0) return 'Not even the locks of the runner itself appear in /proc/locks'
  return null
}
