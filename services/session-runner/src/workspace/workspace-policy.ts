import { realpathSync, statSync } from 'node:fs'
import { basename, dirname, isAbsolute, join, sep } from 'node:path'
import { BridgeError, type StatusReason } from '@codex-bridge/contracts'

/** What is wrong with a folder. */
export type WorkspaceProblem = StatusReason & { code: 'workspace_missing' | 'workspace_forbidden' }

/** Whether a real path lies in one of the roots. No roots: everything is allowed. */
export const isInside = (path: string, roots: readonly string[]): boolean =>
  roots.length === 0 || roots.some((root) => path === root || path.startsWith(root.endsWith(sep) ? root : root + sep))

/** Checks one folder. Pure: `real` is its path with every link followed, undefined when there is no such folder. */
export const checkWorkspace = (path: string, real: string | undefined, realRoots: readonly string[]): WorkspaceProblem | undefined => {
  if (!isAbsolute(path)) return { code: 'workspace_forbidden', message: `${path} is not absolute`, details: { path } }
  if (real === undefined) {
    return {
      code: 'workspace_missing',
      message: `${path} is not a folder on this runner`,
      details: { path, offers: ['create the folder'] },
    }
  }
  if (isInside(real, realRoots)) return
  return { code: 'workspace_forbidden', message: `${path} is outside the allowed folders (BRIDGE_ALLOWED_ROOTS)`, details: { path } }
}

/** Lets Codex work only in folders that exist and, if roots are configured, are inside one of them after following every link. */
export class WorkspacePolicy {
  readonly #roots: readonly string[]

  /** @param roots comma-separated absolute paths; empty allows all */
  constructor(roots: string) {
    this.#roots = roots
      .split(',')
      .map((root) => root.trim())
      .filter((root) => root !== '')
  }

  check(path: string): WorkspaceProblem | undefined {
    return checkWorkspace(path, realFolder(path), this.#realRoots())
  }

  /** Checks a folder that will be created: it must be inside the roots after following links. @returns its real path, or the problem */
  checkNew(path: string): string | WorkspaceProblem {
    const real = realPathToBe(path)
    // Checked as if it existed: only its place matters.
    return checkWorkspace(path, real, this.#realRoots()) ?? real
  }

  /** Checks the folder a thread names: it may be missing, but must not be outside. @throws BridgeError `readiness_blocked` */
  assertAllowed(path: string): void {
    const problem = this.check(path)
    if (problem?.code === 'workspace_forbidden') throw workspaceError(problem)
  }

  /** Links are followed at every check: a root may be a link that changes, or a folder that is created later. */
  #realRoots(): string[] {
    return this.#roots.map((root) => realFolder(root) ?? root)
  }

  /** The paths that are no folders here. */
  missing(paths: readonly string[]): string[] {
    return paths.filter((path) => realFolder(path) === undefined)
  }
}

export const workspaceError = ({ code, message, details }: WorkspaceProblem): BridgeError =>
  new BridgeError('readiness_blocked', message, { details: { reason: code, ...(details as object) } })

/** Real path of the existing part of a path, followed by the rest. */
const realPathToBe = (path: string): string => {
  try {
    return realpathSync(path)
  } catch {
    // It does not exist, so the nearest existing parent decides.
    const parent = dirname(path)
    return parent === path ? path : join(realPathToBe(parent), basename(path))
  }
}

const realFolder = (path: string): string | undefined => {
  try {
    const real = realpathSync(path)
    return statSync(real).isDirectory() ? real : undefined
  } catch {
    // Missing or not accessible: the caller reports it.
    return
  }
}
