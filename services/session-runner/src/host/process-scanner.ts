import { readdirSync, readFileSync, readlinkSync, realpathSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { PROCESS_MARK_VARIABLE } from '@codex-bridge/codex-client'
import type { CodexProcess, HeldThread, HostSnapshot, ThreadWriter } from '@codex-bridge/contracts'
import { startTimeOf } from '@codex-bridge/platform'
import type { AppServerLauncher } from '../codex/app-server-launcher.ts'
import { isInside } from '../workspace/workspace-policy.ts'
import { kindOf, surfaceOfProcess } from './codex-process-classifier.ts'
import {
  type FileLock,
  lockedThreadOf,
  mountPointOf,
  parseBootTime,
  parseFileLocks,
  parseNulSeparated,
  type VisibilityLimits,
  whyInvisible,
} from './proc-parser.ts'

export type ProcessScannerOptions = {
  runnerId: string
  host: string
  codexHome: string
  switchedOff: boolean
  launcher: Pick<AppServerLauncher, 'owns'>
  /** The sessions of this runner. */
  sessions: { loadedThreads(): string[] }
}

/** Unit of start times in /proc (USER_HZ), independent of the kernel's own clock. */
const TICKS_PER_SEC = 100
/** The first pid namespace of every Linux kernel (PROC_PID_INIT_INO). */
const INITIAL_PID_NAMESPACE = 'pid:[4026531836]'

/**
 * Finds out which codex processes run on the host and which threads they have open for writing. A process holds a thread while it has
 * a flock on `<home>/thread-writer-locks/<thread>.lock`; the file alone means nothing. Only reads /proc and locks nothing.
 */
export class ProcessScanner {
  readonly #options: ProcessScannerOptions

  constructor(options: ProcessScannerOptions) {
    this.#options = options
  }

  /** The processes and held threads that are visible now. */
  scan(): HostSnapshot {
    const { runnerId, host, codexHome } = this.#options
    const locks = this.#locks()
    const threads = locks ? this.#heldThreads(locks) : []
    const reason = whyInvisible(this.#limits(locks !== undefined, threads))
    const processes = process.platform === 'linux' && !this.#options.switchedOff ? this.#processes() : []
    return { runnerId, host, codexHome, seen: reason === null, reason, processes, threads: reason === null ? threads : [] }
  }

  /** Describes a codex process that works in a folder; null when none is visible. */
  userOf(folder: string): string | null {
    if (process.platform !== 'linux' || this.#options.switchedOff) return null
    // A process started elsewhere may work here because its command line says so.
    const argumentsOf = (pid: number) => parseNulSeparated(text(`/proc/${pid}/cmdline`) ?? '').map((word) => word.replace(/^--cd=/, ''))
    const user = this.#processes().find(({ cwd, pid }) => [cwd ?? '', ...argumentsOf(pid)].some((path) => isInside(path, [folder])))
    return user ? `A codex process works in it (${user.kind}, pid ${user.pid})` : null
  }

  /** The process that has a thread open for writing; null when there is none, or none is visible. */
  holderOf(threadId: string): ThreadWriter | null {
    if (this.#options.switchedOff) return null
    const held = this.#heldThreads(this.#locks() ?? []).find((thread) => thread.threadId === threadId)
    if (!held) return null
    const found = held.pid === null ? undefined : this.#process(held.pid)
    return { pid: held.pid, surface: found?.surface ?? 'unknown', since: found?.startedAt ?? null }
  }

  #limits(locksReadable: boolean, threads: HeldThread[]): VisibilityLimits {
    const own = this.#options.sessions.loadedThreads()
    return {
      platform: process.platform,
      switchedOff: this.#options.switchedOff,
      locksReadable,
      homeHasLocks: inodeOf(join(this.#options.codexHome, 'thread-writer-locks')) !== undefined,
      onHost: link('/proc/self/ns/pid') === INITIAL_PID_NAMESPACE,
      homeIsMounted: mountPointOf(text('/proc/self/mountinfo') ?? '', realPath(this.#options.codexHome)) !== '/',
      ownThreads: own.length,
      ownThreadsSeen: own.filter((threadId) => threads.some((held) => held.threadId === threadId)).length,
    }
  }

  #locks(): FileLock[] | undefined {
    const listed = text('/proc/locks')
    return listed === undefined ? undefined : parseFileLocks(listed)
  }

  /** Held threads of this home. A lock's path is known from open files; where those may not be read, its inode has to do. */
  #heldThreads(locks: FileLock[]): HeldThread[] {
    const folder = realPath(join(this.#options.codexHome, 'thread-writer-locks'))
    const held = new Map<string, number | null>()
    const hidden = new Map<number, number>()
    for (const [pid, inodes] of inodesByPid(locks)) {
      const paths = openFiles(pid)
      for (const threadId of lockedThreads(folder, paths ?? [], inodes)) held.set(threadId, pid)
      if (!paths) for (const inode of inodes) hidden.set(inode, pid)
    }
    if (hidden.size === 0) return pairs(held)
    for (const path of list(folder).map((name) => join(folder, name))) {
      const pid = hidden.get(inodeOf(path) ?? -1)
      const threadId = lockedThreadOf(path)?.threadId
      if (pid !== undefined && threadId !== undefined && !held.has(threadId)) held.set(threadId, pid > 0 ? pid : null)
    }
    return pairs(held)
  }

  #processes(): CodexProcess[] {
    return list('/proc')
      .filter((name) => /^\d+$/.test(name))
      .flatMap((name) => this.#process(Number(name)) ?? [])
  }

  #process(pid: number): CodexProcess | undefined {
    const commandLine = parseNulSeparated(text(`/proc/${pid}/cmdline`) ?? '')
    const kind = kindOf(commandLine)
    // A zombie has no command line and no start time.
    const ticks = kind && startTimeOf(pid)
    if (!kind || ticks === undefined) return
    const variables = variablesOf(pid)
    const own = this.#options.launcher.owns(pid)
    const program = link(`/proc/${pid}/exe`) ?? commandLine[0] ?? ''
    const ofBridge = own || variables.has(PROCESS_MARK_VARIABLE)
    return {
      pid,
      kind,
      surface: surfaceOfProcess({ kind, program, variables: new Set(variables.keys()), ofBridge }),
      startedAt: startedAt(ticks),
      cwd: link(`/proc/${pid}/cwd`) ?? null,
      codexHome: homeOf(variables),
      own,
      runnerId: this.#options.runnerId,
    }
  }
}

const pairs = (held: Map<string, number | null>): HeldThread[] => [...held].map(([threadId, pid]) => ({ threadId, pid }))

/** The writer locks of one home among a process's open files that it has locked. */
const lockedThreads = (folder: string, paths: string[], inodes: Set<number>): string[] =>
  paths.flatMap((path) => {
    const found = lockedThreadOf(path)
    return found && realPath(found.locks) === folder && inodes.has(inodeOf(path) ?? -1) ? [found.threadId] : []
  })

const inodesByPid = (locks: FileLock[]): Map<number, Set<number>> => {
  const grouped = new Map<number, Set<number>>()
  for (const { pid, inode } of locks) grouped.set(pid, (grouped.get(pid) ?? new Set()).add(inode))
  return grouped
}

/** Targets of a process's open files; undefined when they may not be read. */
const openFiles = (pid: number): string[] | undefined => {
  if (pid <= 0) return
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => link(`/proc/${pid}/fd/${fd}`) ?? [])
  } catch (error) {
    // A process that has ended meanwhile holds nothing.
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? [] : undefined
  }
}

/** Only the names and the two values that are needed: an environment contains secrets. */
const variablesOf = (pid: number): Map<string, string> => {
  const entries = parseNulSeparated(text(`/proc/${pid}/environ`) ?? '').map((entry): [string, string] => {
    const split = entry.indexOf('=')
    const name = entry.slice(0, split)
    return [name, name === 'CODEX_HOME' || name === 'HOME' ? entry.slice(split + 1) : '']
  })
  return new Map(entries)
}

const homeOf = (variables: Map<string, string>): string | null => {
  if (variables.size === 0) return null
  return variables.get('CODEX_HOME') || join(variables.get('HOME') || homedir(), '.codex')
}

const startedAt = (ticks: number): string | null => {
  const boot = parseBootTime(text('/proc/stat') ?? '')
  return boot === undefined ? null : new Date((boot + ticks / TICKS_PER_SEC) * 1000).toISOString()
}

/** Reads what may be gone meanwhile, or belong to another user. */
const ifReadable = <R>(read: () => R): R | undefined => {
  try {
    return read()
  } catch {
    return
  }
}

const text = (path: string): string | undefined => ifReadable(() => readFileSync(path, 'utf8'))
const link = (path: string): string | undefined => ifReadable(() => readlinkSync(path))
const list = (path: string): string[] => ifReadable(() => readdirSync(path)) ?? []
const inodeOf = (path: string): number | undefined => ifReadable(() => statSync(path).ino)
const realPath = (path: string): string => ifReadable(() => realpathSync(path)) ?? path
