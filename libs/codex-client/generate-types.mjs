#!/usr/bin/env node
/**
 * Writes src/generated/ from the pinned codex binary: the types named in ROOTS with everything they refer to, the lists of
 * method names, and the version. A type stands in the first file that needs it, so files import only those before them.
 *
 *   node generate-types.mjs           rewrite src/generated/
 *   node generate-types.mjs --check   exit 1 and name the files that differ from what the pinned binary says
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'

const HEADER = '// Generated from the pinned codex binary by generate-types.mjs. Do not edit.\n'
const target = join(dirname(fileURLToPath(import.meta.url)), 'src', 'generated')

/** By file to write: modules of the generator's output, without extension. */
const ROOTS = {
  items: ['v2/ThreadItem'],
  turns: ['v2/Turn', 'v2/ThreadTokenUsage'],
  threads: ['v2/Thread', 'v2/AskForApproval', 'v2/SandboxMode', 'v2/SandboxPolicy'],
  notifications: [
    'v2/ErrorNotification',
    'v2/ItemCompletedNotification',
    'v2/ItemStartedNotification',
    'v2/ServerRequestResolvedNotification',
    'v2/ThreadTokenUsageUpdatedNotification',
    'v2/TurnCompletedNotification',
    'v2/TurnStartedNotification',
  ],
  approvals: [
    'v2/CommandExecutionRequestApprovalParams',
    'v2/CommandExecutionRequestApprovalResponse',
    'v2/FileChangeRequestApprovalParams',
    'v2/FileChangeRequestApprovalResponse',
    'v2/McpServerElicitationRequestParams',
    'v2/McpServerElicitationRequestResponse',
    'v2/PermissionsRequestApprovalParams',
    'v2/PermissionsRequestApprovalResponse',
    'v2/ToolRequestUserInputParams',
    'v2/ToolRequestUserInputResponse',
  ],
  'thread-requests': [
    'v2/ThreadBackgroundTerminalsCleanParams',
    'v2/ThreadReadParams',
    'v2/ThreadReadResponse',
    'v2/ThreadResumeParams',
    'v2/ThreadResumeResponse',
    'v2/ThreadSetNameParams',
    'v2/ThreadStartParams',
    'v2/ThreadStartResponse',
  ],
  requests: [
    'InitializeParams',
    'InitializeResponse',
    'v2/CommandExecParams',
    'v2/CommandExecResponse',
    'v2/CommandExecTerminateParams',
    'v2/GetAccountParams',
    'v2/GetAccountResponse',
    'v2/TurnInterruptParams',
    'v2/TurnStartParams',
    'v2/TurnStartResponse',
    'v2/TurnSteerParams',
    'v2/TurnSteerResponse',
  ],
}

/**
 * The files src/generated/ should hold, by name.
 * @returns {Map<string, string>}
 */
const expectedFiles = () => {
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
    return new Map([
      ...typeFiles(out),
      ['methods.ts', methodLists(out)],
      [
        'version.ts',
        `${HEADER}\n/** The codex version these types were generated from. */\nexport const CODEX_PROTOCOL_VERSION = ${JSON.stringify(version)};\n`,
      ],
    ])
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

/**
 * @param {string} out folder of the generator's output
 * @returns {Map<string, string>}
 */
const typeFiles = (out) => {
  /** @type {Map<string, string>} file that has a module's type, by module */
  const homes = new Map()
  return new Map(
    Object.entries(ROOTS).map(([file, roots]) => {
      const added = roots.flatMap((root) => addClosure(out, root, file, homes)).sort()
      const modules = added.map((module) => readModule(out, module))
      const imports = importLines(modules, file, homes)
      const declarations = modules.map(({ declaration }) => declaration).join('\n')
      return [`${file}.ts`, [HEADER, ...(imports === '' ? [] : [imports]), `${declarations}`].join('\n')]
    }),
  )
}

/** @returns {string[]} the modules that were not in a file yet */
const addClosure = (out, module, file, homes) => {
  if (homes.has(module)) return []
  homes.set(module, file)
  return [module, ...readModule(out, module).imports.flatMap((imported) => addClosure(out, imported, file, homes))]
}

const importLines = (modules, file, homes) => {
  const names = new Map()
  for (const imported of new Set(modules.flatMap(({ imports }) => imports))) {
    const home = homes.get(imported)
    if (home !== file) names.set(home, [...(names.get(home) ?? []), nameOf(imported)])
  }
  return [...names]
    .sort(([left], [right]) => left.localeCompare(right, 'en'))
    .map(([home, imported]) => `import type { ${imported.sort().join(', ')} } from './${home}.ts';\n`)
    .join('')
}

/** The two folders of the generator have one name in common. */
const nameOf = (module) => (module === 'WebSearchAction' ? 'RawWebSearchAction' : posix.basename(module))

const readModule = (out, module) => {
  const text = readFileSync(join(out, `${module}.ts`), 'utf8')
  const imports = [...text.matchAll(/^import type .* from "(\.[^"]*)";$/gm)].map(([, path]) =>
    posix.normalize(posix.join(posix.dirname(module), path)),
  )
  const renamed = imports.concat(module).filter((each) => nameOf(each) !== posix.basename(each))
  const declaration = text
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('//') && !line.startsWith('import '))
    .join('\n')
  const named = renamed.reduce((code, each) => code.replace(new RegExp(`\\b${posix.basename(each)}\\b`, 'g'), nameOf(each)), declaration)
  return { imports, declaration: `${named}\n` }
}

/** @param {string} out */
const methodLists = (out) => {
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

/** @returns {Map<string, string>} */
const actualFiles = () => new Map(readdirSync(target).map((name) => [name, readFileSync(join(target, name), 'utf8')]))

const expected = expectedFiles()
if (process.argv.includes('--check')) {
  const actual = actualFiles()
  const names = new Set([...expected.keys(), ...actual.keys()])
  const drift = [...names].filter((name) => expected.get(name) !== actual.get(name)).sort()
  if (drift.length > 0) {
    process.stderr.write(`src/generated differs from the pinned codex binary; run generate-types.mjs:\n  ${drift.join('\n  ')}\n`)
    process.exit(1)
  }
  process.stdout.write(`${expected.size} generated files match the pinned codex binary\n`)
} else {
  rmSync(target, { recursive: true, force: true })
  mkdirSync(target, { recursive: true })
  for (const [name, text] of expected) writeFileSync(join(target, name), text)
  process.stdout.write(`wrote ${expected.size} files\n`)
}
