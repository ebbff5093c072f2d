import { execFile } from 'node:child_process'

/** The bridge's own variables, which no child and no command of a model may see. */
const BRIDGE_VARIABLES = /^(BRIDGE|NATS|REDIS)_/
const PROBE_TIMEOUT_MS = 2000

export type AppServerEnvOptions = {
  codexHome: string
  /** Added last and not filtered. */
  env?: Readonly<Record<string, string>>
  /** Exact names to remove besides BRIDGE_*, NATS_* and REDIS_*. */
  stripEnv?: readonly string[]
}

/** An environment without the bridge's own variables and those that `strips` selects. */
export const childEnv = (base: NodeJS.ProcessEnv, strips: (name: string) => boolean = () => false): Record<string, string> => {
  const env: Record<string, string> = {}
  for (const [name, value] of Object.entries(base)) {
    if (value !== undefined && !BRIDGE_VARIABLES.test(name) && !strips(name)) env[name] = value
  }
  return env
}

/** Environment of an app-server: the given one without the bridge's own variables, with CODEX_HOME. */
export const appServerEnv = (base: NodeJS.ProcessEnv, options: AppServerEnvOptions): Record<string, string> => {
  const strip = new Set(options.stripEnv)
  return { ...childEnv(base, (name) => strip.has(name)), ...options.env, CODEX_HOME: options.codexHome }
}

export type AppServerArgsOptions = {
  /** Dotted config path → TOML value, as `codex -c` takes them, e.g. `{ "model": "\"gpt-5.5\"" }`. */
  configOverrides?: Readonly<Record<string, string>>
  disableFeatures?: readonly string[]
  enableFeatures?: readonly string[]
  /** Further arguments after `app-server`. */
  args?: readonly string[]
}

/** Arguments of the codex binary for a stdio app-server. */
export const appServerArgs = (options: AppServerArgsOptions): string[] => [
  'app-server',
  ...Object.entries(options.configOverrides ?? {}).flatMap(([key, value]) => ['-c', `${key}=${value}`]),
  ...(options.enableFeatures ?? []).flatMap((feature) => ['--enable', feature]),
  ...(options.disableFeatures ?? []).flatMap((feature) => ['--disable', feature]),
  ...(options.args ?? []),
]

let deathSignalProbe: Promise<boolean> | undefined

/**
 * The command line that ends a child with its parent. If util-linux `setpriv` works, the kernel sends the child SIGTERM when the
 * parent dies in any way. setpriv replaces itself by the binary, so the pid stays the same. (Precisely: when the *thread* that spawned
 * it ends, so spawn from the main thread.) Elsewhere the child only notices the end of its stdin.
 */
export const boundToParent = async (binary: string, args: readonly string[]): Promise<{ command: string; args: string[] }> => {
  deathSignalProbe ??= probeDeathSignal()
  return (await deathSignalProbe)
    ? { command: 'setpriv', args: ['--pdeathsig', 'TERM', '--', binary, ...args] }
    : { command: binary, args: [...args] }
}

/** Runs it to find out, because busybox has a setpriv without this option. */
const probeDeathSignal = (): Promise<boolean> => {
  if (process.platform !== 'linux') return Promise.resolve(false)
  return new Promise((done) => {
    execFile('setpriv', ['--pdeathsig', 'TERM', '--', 'true'], { timeout: PROBE_TIMEOUT_MS }, (error) => done(error === null))
  })
}
