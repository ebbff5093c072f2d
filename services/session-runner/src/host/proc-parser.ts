/** A line of /proc/locks that stands for a whole-file lock of flock(2). */
export type FileLock = { pid: number; inode: number }

/**
 * The held flock(2) locks in the text of /proc/locks. Lines that begin with `->` wait for the lock above them and hold nothing.
 * A process outside this pid namespace shows as pid 0 or not at all.
 */
export const parseFileLocks = (text: string): FileLock[] =>
  text.split('\n').flatMap((line) => {
    const match = /^\d+:\s+FLOCK\s+\S+\s+\S+\s+(\d+)\s+[0-9a-f]+:[0-9a-f]+:(\d+)\s/i.exec(line)
    return match ? [{ pid: Number(match[1]), inode: Number(match[2]) }] : []
  })

/** Thread id in the path of a writer lock, as an open file's link shows it. */
export const lockedThreadOf = (path: string): { locks: string; threadId: string } | undefined => {
  const match = /^(.*\/thread-writer-locks)\/([^/]+)\.lock( \(deleted\))?$/.exec(path)
  return match?.[1] !== undefined && match[2] !== undefined ? { locks: match[1], threadId: match[2] } : undefined
}

/** Time the system was started, in seconds, from the text of /proc/stat. */
export const parseBootTime = (text: string): number | undefined => {
  const match = /^btime (\d+)$/m.exec(text)
  return match ? Number(match[1]) : undefined
}

/** NUL-separated text as /proc shows command lines and environments. */
export const parseNulSeparated = (text: string): string[] => text.split('\0').filter((part) => part !== '')

/** The mount point a path lies on, from the text of /proc/self/mountinfo: the longest mount point wins. */
export const mountPointOf = (mountInfo: string, path: string): string => {
  const points = mountInfo.split('\n').flatMap((line) => line.split(' ')[4] ?? [])
  const holding = points.filter((point) => point === '/' || path === point || path.startsWith(`${point}/`))
  return holding.sort((left, right) => right.length - left.length)[0] ?? '/'
}

/** What is known about how far this process sees. */
export type VisibilityLimits = {
  platform: string
  switchedOff: boolean
  locksReadable: boolean
  /** Codex has made its folder of writer locks, as it does with the first thread since 0.147. */
  homeHasLocks: boolean
  /** In the pid namespace of the host itself. */
  onHost: boolean
  /** The Codex home is mounted from elsewhere: others may use it unseen. */
  homeIsMounted: boolean
  /** Threads that processes of this runner surely hold, and how many of their locks are seen. */
  heldByUs: number
  heldByUsSeen: number
}

/** Why processes and locks of the host cannot be seen from here; null when they can. */
export const whyInvisible = (outlook: VisibilityLimits): string | null => {
  if (outlook.switchedOff) return 'Looking at processes is switched off (BRIDGE_PROCESS_VIEW=off)'
  if (outlook.platform !== 'linux') return `Processes are read from /proc, which ${outlook.platform} does not have`
  if (!outlook.locksReadable) return '/proc/locks cannot be read'
  if (!outlook.onHost && outlook.homeIsMounted)
    return 'The runner is in a container and its Codex home is mounted: processes of the host that use it cannot be seen'
  if (outlook.heldByUs > 0 && !outlook.homeHasLocks) return 'This Codex keeps no writer locks: nobody can see who has a thread open'
  if (outlook.heldByUs > 0 && outlook.heldByUsSeen === 0) return 'Not even the locks of the runner itself show in /proc/locks'
  return null
}
