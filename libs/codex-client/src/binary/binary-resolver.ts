import { execFile } from 'node:child_process'
import { accessSync, closeSync, constants, openSync, readSync, realpathSync, statSync } from 'node:fs'
import { delimiter, dirname, isAbsolute, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The native codex executable, and where it was found. */
export type CodexBinary = {
  path: string
  origin: 'env' | 'path' | 'node_modules'
}

/** No usable codex was found. `tried` names every place and why it was not usable. */
export class CodexBinaryNotFoundError extends Error {
  override readonly name = 'CodexBinaryNotFoundError'
  readonly tried: readonly string[]

  constructor(tried: readonly string[]) {
    super(`no codex binary found:\n${tried.map((line) => `  - ${line}`).join('\n')}`)
    this.tried = tried
  }
}

export type ResolveCodexBinaryOptions = {
  /** Environment with CODEX_BIN and PATH. Default `process.env`. */
  env?: NodeJS.ProcessEnv
  /** Folder from which `node_modules` is searched upward. Default: the folder of this module. */
  searchFrom?: string
  platform?: NodeJS.Platform
  arch?: string
}

const TRIPLES: Readonly<Record<string, string>> = {
  'darwin-arm64': 'aarch64-apple-darwin',
  'darwin-x64': 'x86_64-apple-darwin',
  'linux-arm64': 'aarch64-unknown-linux-musl',
  'linux-x64': 'x86_64-unknown-linux-musl',
  'win32-arm64': 'aarch64-pc-windows-msvc',
  'win32-x64': 'x86_64-pc-windows-msvc',
}

/** Launchers and shims of package managers are small, so this much of a 200 MB binary shows that it is neither. */
const SCRIPT_BYTES = 8192
const VERSION_TIMEOUT_MS = 5000

type Target = {
  packageName: string
  triple: string
  executable: string
}

/**
 * Finds the native codex binary: CODEX_BIN, else `codex` on PATH, else the one in node_modules above this module.
 *
 * The npm launcher (a Node script) is followed to the native binary of its platform package, because killing the launcher leaves the
 * native child running. `node_modules/.bin` folders on PATH are skipped: npm puts them in front when it runs a script, where they would
 * hide the codex that the user installed. The last step finds theirs.
 * @throws CodexBinaryNotFoundError also when CODEX_BIN is set but unusable: an explicit setting is never silently replaced
 */
export const resolveCodexBinary = (options: ResolveCodexBinaryOptions = {}): CodexBinary => {
  const env = options.env ?? process.env
  const target = targetOf(options.platform ?? process.platform, options.arch ?? process.arch)
  const tried: string[] = []

  const explicit = env['CODEX_BIN']
  if (explicit) {
    const found = follow(isAbsolute(explicit) ? explicit : resolve(explicit), target)
    if ('path' in found) return { path: found.path, origin: 'env' }
    throw new CodexBinaryNotFoundError([`CODEX_BIN=${explicit}: ${found.problem}`])
  }
  tried.push('CODEX_BIN: not set')

  for (const folder of (env['PATH'] ?? '').split(delimiter)) {
    if (folder === '' || folder.replace(/[/\\]+$/, '').endsWith(join('node_modules', '.bin'))) continue
    const candidate = join(folder, target?.executable ?? 'codex')
    const found = follow(candidate, target)
    if ('path' in found) return { path: found.path, origin: 'path' }
    if (found.problem !== 'no such file') tried.push(`${candidate}: ${found.problem}`)
  }
  tried.push('PATH: no usable codex')

  const from = options.searchFrom ?? dirname(fileURLToPath(import.meta.url))
  const native = target && searchUpward(from, target)
  if (native) return { path: native, origin: 'node_modules' }
  tried.push(target ? `node_modules above ${from}: no ${target.packageName}` : 'node_modules: no codex package for this platform')
  throw new CodexBinaryNotFoundError(tried)
}

/**
 * Version of a codex binary, e.g. `0.169.0`, from `codex --version`.
 * @throws Error when it cannot be run, takes longer than `timeoutMs` (default 5000) or prints no version
 */
export const readCodexVersion = (path: string, options: { timeoutMs?: number } = {}): Promise<string> =>
  new Promise((done, fail) => {
    execFile(path, ['--version'], { encoding: 'utf8', timeout: options.timeoutMs ?? VERSION_TIMEOUT_MS }, (error, stdout) => {
      const version = /\b(\d+\.\d+\.\d+\S*)/.exec(stdout)?.[1]
      if (version) {
        done(version)
      } else {
        fail(new Error(`${path} --version printed no version`, { cause: error ?? undefined }))
      }
    })
  })

const targetOf = (platform: NodeJS.Platform, arch: string): Target | undefined => {
  const name = platform === 'android' ? 'linux' : platform
  const triple = TRIPLES[`${name}-${arch}`]
  return triple === undefined
    ? undefined
    : { packageName: `@openai/codex-${name}-${arch}`, triple, executable: name === 'win32' ? 'codex.exe' : 'codex' }
}

/** The native binary behind a file called codex. */
const follow = (candidate: string, target: Target | undefined): { path: string } | { problem: string } => {
  let real: string
  try {
    real = realpathSync(candidate)
  } catch {
    return { problem: 'no such file' }
  }
  // npm's launcher runs through node and need not be executable.
  if (!(isExecutableFile(real) || real.endsWith('.js'))) return { problem: 'not an executable file' }
  const launcher = launcherOf(real, candidate)
  if (!launcher) return { path: real }
  const native = target && nativeOfLauncher(launcher, target)
  return native ? { path: native } : { problem: `npm launcher ${launcher} without a native binary for this platform` }
}

/** The npm launcher, if `real` is it or a package manager's shell shim for it; undefined for a binary or another script. */
const launcherOf = (real: string, candidate: string): string | undefined => {
  const head = readHead(real)
  if (!head.startsWith('#!')) return real.endsWith('.js') ? real : undefined
  if (/^#!.*\bnode\b/.test(head)) return real
  const mentioned = /["'\s](?:\$basedir|\$\{basedir\})?([^"'\s$]*@openai\/codex\/bin\/codex\.js)/.exec(head)?.[1]
  return mentioned && resolve(dirname(candidate), mentioned.startsWith('/..') ? `.${mentioned}` : mentioned)
}

const nativeOfLauncher = (launcher: string, target: Target): string | undefined => {
  const packageRoot = dirname(dirname(launcher))
  return nativeInPackage(packageRoot, target) ?? searchUpward(packageRoot, target)
}

const searchUpward = (from: string, target: Target): string | undefined => {
  for (let folder = from; ; folder = dirname(folder)) {
    for (const name of [target.packageName, '@openai/codex']) {
      const native = nativeInPackage(join(folder, 'node_modules', ...name.split('/')), target)
      if (native) return native
    }
    if (folder === dirname(folder)) return
  }
}

/** Newer packages have the binary in `bin/`. Until about 0.130 it was in `codex/`, at first in the launcher's own package. */
const nativeInPackage = (packageRoot: string, target: Target): string | undefined =>
  ['bin', 'codex'].map((folder) => join(packageRoot, 'vendor', target.triple, folder, target.executable)).find(isExecutableFile)

const isExecutableFile = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

/** Start of a file as text; empty if it may be executed but not read, which only works for a binary. */
const readHead = (path: string): string => {
  try {
    const file = openSync(path, 'r')
    try {
      const buffer = Buffer.alloc(SCRIPT_BYTES)
      return buffer.subarray(0, readSync(file, buffer, 0, SCRIPT_BYTES, 0)).toString('latin1')
    } finally {
      closeSync(file)
    }
  } catch {
    return ''
  }
}
