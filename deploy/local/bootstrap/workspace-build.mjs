/** Installs packages and builds sources, each only after a change. */
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { withFileLock } from '../../../libs/platform/src/file-lock.mjs'

const PROJECT_ROOTS = ['libs', 'services', 'deploy']
const SKIPPED = new Set(['node_modules', 'dist', 'test', 'data', '.nx'])
const HEARTBEAT_MS = 10_000

const modifiedAt = (path) => (existsSync(path) ? statSync(path).mtimeMs : 0)

/** True if node_modules was installed from this package-lock.json. */
const packagesAreCurrent = (root) => {
  const stamp = join(root, 'node_modules/.codex-bridge-lock')
  const lock = readFileSync(join(root, 'package-lock.json'))
  const digest = createHash('sha256').update(lock).digest('hex')
  const stamped = existsSync(stamp) && readFileSync(stamp, 'utf8') === digest
  // Installed by hand: npm writes its own copy of the lock file at the end of an installation.
  const installedAt = modifiedAt(join(root, 'node_modules/.package-lock.json'))
  return { current: stamped || (installedAt > 0 && installedAt >= modifiedAt(join(root, 'package-lock.json'))), stamp, digest }
}

function* filesBelow(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) {
      if (!SKIPPED.has(entry.name)) yield* filesBelow(join(folder, entry.name))
    } else if (entry.isFile()) yield join(folder, entry.name)
  }
}

const projectsOf = (root) =>
  PROJECT_ROOTS.filter((name) => existsSync(join(root, name))).flatMap((name) =>
    readdirSync(join(root, name))
      .map((project) => join(root, name, project))
      .filter((project) => existsSync(join(project, 'tsconfig.json'))),
  )

/** Hash of the paths, times and sizes of all sources. It takes milliseconds; tsc takes seconds to find nothing to do. */
const fingerprintOf = (root, projects) => {
  const hash = createHash('sha256')
  const files = [join(root, 'tsconfig.base.json'), join(root, 'package.json'), ...projects.flatMap((project) => [...filesBelow(project)])]
  for (const file of files.sort()) {
    const { mtimeMs, size } = statSync(file)
    hash.update(`${file}\0${mtimeMs}\0${size}\n`)
  }
  return hash.digest('hex')
}

const buildInfo = (project) => join(project, 'dist/.tsbuildinfo')

/** Undefined for a stamp of another version or one cut short. */
const stampOf = (stamp) => {
  try {
    return JSON.parse(readFileSync(stamp, 'utf8'))
  } catch {
    return
  }
}

/** True if the last build had these sources and its output still exists. */
const isBuilt = (stamp, fingerprint) => {
  if (!existsSync(stamp)) return false
  const built = stampOf(stamp)
  return built?.fingerprint === fingerprint && built.projects.every((project) => existsSync(buildInfo(project)))
}

/** Runs npm and shows its output, with a sign of life every ten seconds. */
const npm = (root, args, what, say) =>
  new Promise((done, fail) => {
    const script = process.env.npm_execpath
    const [command, ...first] = script?.endsWith('.js') ? [process.execPath, script] : ['npm']
    const startedAt = Date.now()
    const child = spawn(command, [...first, ...args], { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] })
    const heartbeat = setInterval(() => say(`Still ${what} (${Math.round((Date.now() - startedAt) / 1000)} s)`), HEARTBEAT_MS)
    child.once('error', (error) => {
      clearInterval(heartbeat)
      fail(new Error(`npm could not be started: ${error.message}`))
    })
    child.once('exit', (code, signal) => {
      clearInterval(heartbeat)
      if (code === 0) done()
      else fail(new Error(`npm ${args.join(' ')} ended with ${signal ?? code}; its output is above`))
    })
  })

/**
 * `npm ci` refuses the whole lock file if the registry lacks an optional package of another platform. `npm install` skips that package
 * and installs everything else as locked.
 */
const installPackages = async (root, say) => {
  const quietly = ['--no-audit', '--no-fund', '--loglevel=error']
  try {
    await npm(root, ['ci', ...quietly], 'installing packages', say)
  } catch {
    say('npm ci failed; trying npm install')
    await npm(root, ['install', '--no-save', ...quietly], 'installing packages', say)
  }
}

/** Brings node_modules and every dist folder up to date. Takes about ten milliseconds if nothing has changed. */
export const prepareWorkspace = async (root, say) => {
  const stamp = join(root, 'deploy/local/dist/.sources')
  const upToDate = () => {
    const projects = projectsOf(root)
    return packagesAreCurrent(root).current && isBuilt(stamp, fingerprintOf(root, projects))
  }
  if (upToDate()) return
  const lock = join(root, 'data/build.lock')
  mkdirSync(dirname(lock), { recursive: true })
  const onWait = ({ pid }) => say(`Another start (process ${pid}) is installing or building in this folder; waiting for it`)
  await withFileLock(lock, onWait, async () => {
    const packages = packagesAreCurrent(root)
    if (!packages.current) {
      say('Installing packages (once; usually a minute or two)')
      await installPackages(root, say)
    }
    writeFileSync(packages.stamp, packages.digest)
    if (upToDate()) return
    const projects = projectsOf(root)
    const fingerprint = fingerprintOf(root, projects)
    say('Building')
    await npm(root, ['run', '--silent', 'build'], 'building', say)
    mkdirSync(dirname(stamp), { recursive: true })
    const built = projects.filter((project) => existsSync(buildInfo(project)))
    writeFileSync(stamp, JSON.stringify({ fingerprint, projects: built }))
  })
}
