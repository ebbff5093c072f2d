import type { CodexProcess } from '@codex-bridge/contracts'

type Kind = CodexProcess['kind']
type Surface = CodexProcess['surface']

/** Names of the native binary. `node …/codex.js` is only its launcher; `codex-linux-sandbox` and the like are its helpers. */
const BINARY = /^codex(-(x86_64|aarch64)-[\w-]+)?(\.exe)?$/

/** Options that take the next argument as their value, unless it is joined by `=`. */
const WITH_VALUE = new Set([
  '-c',
  '--config',
  '--enable',
  '--disable',
  '--remote',
  '--remote-auth-token-env',
  '-i',
  '--image',
  '-m',
  '--model',
  '--local-provider',
  '-p',
  '--profile',
  '-s',
  '--sandbox',
  '-a',
  '--ask-for-approval',
  '-C',
  '--cd',
  '--add-dir',
])

/** Commands that end soon or hold no thread. */
const WITHOUT_SESSION = new Set([
  'agents',
  'login',
  'logout',
  'mcp',
  'plugin',
  'remote-control',
  'completion',
  'update',
  'doctor',
  'sandbox',
  'debug',
  'apply',
  'a',
  'queue',
  'archive',
  'delete',
  'unarchive',
  'migrate-rollouts',
  'migrate-nfs-db',
  'cloud',
  'exec-server',
  'features',
  'help',
  '--help',
  '-h',
  '--version',
  '-V',
])

/** Subcommands of `codex app-server` that are no server. */
const APP_SERVER_TOOLS = new Set(['daemon', 'proxy', 'generate-ts', 'generate-json-schema'])

/** The arguments that are neither options nor values of options. */
const words = (args: string[]): string[] => {
  const found: string[] = []
  for (let at = 0; at < args.length; at += 1) {
    const arg = args[at] ?? ''
    if (WITH_VALUE.has(arg)) at += 1
    else if (!arg.startsWith('-') || WITHOUT_SESSION.has(arg)) found.push(arg)
  }
  return found
}

/** Kind of codex process of a command line; undefined when it is none, or one that cannot hold a thread. */
export const kindOf = (commandLine: readonly string[]): Kind | undefined => {
  const [program = '', ...args] = commandLine
  if (!BINARY.test(program.slice(program.lastIndexOf('/') + 1))) return
  const [command, tool] = words(args)
  switch (command) {
    case 'app-server':
      if (tool !== undefined && APP_SERVER_TOOLS.has(tool)) return
      return args.includes('--managed-daemon') ? 'daemon' : 'app-server'
    case 'mcp-server':
      return 'app-server'
    case 'exec':
    case 'e':
    case 'review':
      return 'exec'
    default:
      // Anything else, also no argument, is the terminal program: a prompt is one of its arguments.
      return command !== undefined && WITHOUT_SESSION.has(command) ? undefined : 'tui'
  }
}

/** What is known about the program that uses a process. */
export type Surroundings = { kind: Kind; program: string; variables: ReadonlySet<string>; ofBridge: boolean }

/** A guess: an app-server does not say whose it is, but the place of its binary and its environment often do. */
export const surfaceOfProcess = ({ kind, program, variables, ofBridge }: Surroundings): Surface => {
  if (ofBridge) return 'bridge'
  if (kind !== 'app-server') return 'cli'
  if (/\/Codex[^/]*\.app\//.test(program)) return 'mac-app'
  if (/\/\.(vscode|cursor|windsurf)[\w-]*\//.test(program)) return 'vscode'
  return ['VSCODE_PID', 'VSCODE_IPC_HOOK', 'VSCODE_CWD'].some((name) => variables.has(name)) ? 'vscode' : 'unknown'
}
