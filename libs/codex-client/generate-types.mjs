#!/usr/bin/env node
/**
 * Writes src/generated/ from the pinned codex binary: the import closure of ROOTS, the method name lists and the version.
 *
 *   node generate-types.mjs           rewrite src/generated/
 *   node generate-types.mjs --check   exit 1 and name the files that differ from what the pinned binary says
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, posix, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const HEADER = '// Generated from the pinned codex binary by generate-types.mjs. Do not edit.\n'
const target = join(dirname(fileURLToPath(import.meta.url)), 'src', 'generated')

/** Module paths inside the generator's output, without extension. Everything they import comes along. */
const ROOTS = [
  'ClientInfo',
  'InitializeCapabilities',
  'InitializeParams',
  'InitializeResponse',
  'RequestId',
  'GetAuthStatusParams',
  'GetAuthStatusResponse',
  'serde_json/JsonValue',
  ...[
    'Thread',
    'ThreadItem',
    'ThreadStatus',
    'ThreadTokenUsage',
    'Turn',
    'TurnError',
    'TurnStatus',
    'UserInput',
    'CodexErrorInfo',
    'AskForApproval',
    'SandboxMode',
    'SandboxPolicy',
    'FileUpdateChange',
    'CommandExecutionApprovalDecision',
    'FileChangeApprovalDecision',
    ...pairs(
      'ThreadStart',
      'ThreadResume',
      'ThreadFork',
      'ThreadRead',
      'ThreadList',
      'ThreadLoadedList',
      'ThreadSearch',
      'ThreadTurnsList',
      'ThreadItemsList',
      'ThreadArchive',
      'ThreadUnarchive',
      'ThreadDelete',
      'ThreadUnsubscribe',
      'ThreadRevert',
      'ThreadCompactStart',
      'ThreadSetName',
      'ThreadMetadataUpdate',
      'ThreadQueueAdd',
      'ThreadQueueList',
      'ThreadBackgroundTerminalsClean',
      'ThreadBackgroundTerminalsList',
      'TurnStart',
      'TurnSteer',
      'TurnInterrupt',
      'ReviewStart',
      'CommandExec',
      'CommandExecTerminate',
      'ModelList',
      'GetAccount',
      'CommandExecutionRequestApproval',
      'FileChangeRequestApproval',
      'PermissionsRequestApproval',
      'ToolRequestUserInput',
      'DynamicToolCall',
    ),
    'GetAccountRateLimitsResponse',
    'CollaborationModeListParams',
    'CollaborationModeListResponse',
    'McpServerElicitationRequestParams',
    'McpServerElicitationRequestResponse',
    ...[
      'AccountRateLimitsUpdated',
      'AgentMessageDelta',
      'CommandExecOutputDelta',
      'CommandExecutionOutputDelta',
      'ConfigWarning',
      'Error',
      'ItemCompleted',
      'ItemStarted',
      'ServerRequestResolved',
      'ThreadArchived',
      'ThreadClosed',
      'ThreadNameUpdated',
      'ThreadReverted',
      'ThreadStarted',
      'ThreadStatusChanged',
      'ThreadTokenUsageUpdated',
      'TurnCompleted',
      'TurnDiffUpdated',
      'TurnPlanUpdated',
      'TurnStarted',
      'Warning',
    ].map((name) => `${name}Notification`),
  ].map((name) => `v2/${name}`),
]

/** @param {string[]} names */
function pairs(...names) {
  return names.flatMap((name) => [`${name}Params`, `${name}Response`])
}

/**
 * The files src/generated/ should hold, by path relative to it.
 * @returns {Map<string, string>}
 */
function expectedFiles() {
  const launcher = createRequire(import.meta.url).resolve('@openai/codex/bin/codex.js')
  const scratch = mkdtempSync(join(tmpdir(), 'codex-types-'))
  try {
    const home = join(scratch, 'home')
    const out = join(scratch, 'out')
    mkdirSync(home)
    const codex = (...args) =>
      execFileSync(process.execPath, [launcher, ...args], {
        encoding: 'utf8',
        env: { ...process.env, CODEX_HOME: home },
        stdio: ['ignore', 'pipe', 'ignore'],
        timeout: 60_000,
      })
    const version = /(\d+\.\d+\.\d+\S*)/.exec(codex('--version'))?.[1]
    if (!version) throw new Error('codex --version printed no version')
    codex('app-server', 'generate-ts', '--out', out, '--experimental')
    const files = closure(out)
    files.set(
      'version.ts',
      `${HEADER}\n/** The codex version these types were generated from. */\nexport const CODEX_PROTOCOL_VERSION = ${JSON.stringify(version)};\n`,
    )
    files.set('methods.ts', methodLists(out))
    files.set('index.ts', barrel())
    return files
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

/** @param {string} out */
function closure(out) {
  const files = new Map()
  const pending = [...ROOTS]
  for (let module = pending.pop(); module !== undefined; module = pending.pop()) {
    const path = `${module}.ts`
    if (files.has(path)) continue
    const from = posix.dirname(path)
    const text = readFileSync(join(out, path), 'utf8').replace(/(from ")(\.[^"]*)(")/g, (_all, before, specifier, after) => {
      pending.push(posix.normalize(posix.join(from, specifier)))
      return `${before}${specifier}.ts${after}`
    })
    files.set(path, text)
  }
  return files
}

/** @param {string} out */
function methodLists(out) {
  const list = (name, doc, source) => {
    const text = readFileSync(join(out, `${source}.ts`), 'utf8')
    const methods = [...text.matchAll(/"method": "([^"]+)"/g)].map((match) => match[1]).sort()
    if (methods.length === 0) throw new Error(`no methods found in ${source}.ts`)
    return `\n/** ${doc} */\nexport const ${name} = [\n${methods.map((method) => `  ${JSON.stringify(method)},\n`).join('')}] as const;\n`
  }
  return (
    HEADER +
    list('CLIENT_REQUEST_METHODS', 'Requests this version accepts.', 'ClientRequest') +
    list('SERVER_REQUEST_METHODS', 'Requests this version may send to its client.', 'ServerRequest') +
    list('SERVER_NOTIFICATION_METHODS', 'Notifications this version may send.', 'ServerNotification')
  )
}

function barrel() {
  const lines = [...ROOTS].sort((a, b) => posix.basename(a).localeCompare(posix.basename(b), 'en'))
  return `${HEADER}\n${lines.map((module) => `export type { ${posix.basename(module)} } from "./${module}.ts";\n`).join('')}`
}

/** @param {string} dir */
function actualFiles(dir) {
  const files = new Map()
  for (const entry of readdirSync(dir, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(entry.parentPath ?? entry.path, entry.name)
    files.set(relative(dir, path).replaceAll('\\', '/'), readFileSync(path, 'utf8'))
  }
  return files
}

const expected = expectedFiles()
if (process.argv.includes('--check')) {
  const actual = actualFiles(target)
  const paths = new Set([...expected.keys(), ...actual.keys()])
  const drift = [...paths].filter((path) => expected.get(path) !== actual.get(path)).sort()
  if (drift.length > 0) {
    process.stderr.write(`src/generated differs from the pinned codex binary; run generate-types.mjs:\n  ${drift.join('\n  ')}\n`)
    process.exit(1)
  }
  process.stdout.write(`${expected.size} generated files match the pinned codex binary\n`)
} else {
  rmSync(target, { recursive: true, force: true })
  for (const [path, text] of expected) {
    const file = join(target, path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
  }
  process.stdout.write(`wrote ${expected.size} files\n`)
}
