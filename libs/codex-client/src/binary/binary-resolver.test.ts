import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CodexBinaryNotFoundError, readCodexVersion, resolveCodexBinary } from './binary-resolver.ts'

const TRIPLE = 'x86_64-unknown-linux-musl'
const platform = { platform: 'linux', arch: 'x64' } as const
let root: string

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'resolver-'))
})
afterEach(() => {
  rmSync(root, { recursive: true, force: true })
})

const file = (path: string, text = '\u007fELF', mode = 0o755): string => {
  const full = join(root, path)
  mkdirSync(dirname(full), { recursive: true })
  writeFileSync(full, text)
  chmodSync(full, mode)
  return full
}

const link = (path: string, target: string): string => {
  const full = join(root, path)
  mkdirSync(dirname(full), { recursive: true })
  symlinkSync(target, full)
  return full
}

/** A global npm install under `prefix`: launcher, platform package with the binary, and the bin link. */
const npmInstall = (prefix: string, native = `lib/node_modules/@openai/codex-linux-x64/vendor/${TRIPLE}/bin/codex`): string => {
  const launcher = file(`${prefix}/lib/node_modules/@openai/codex/bin/codex.js`, '#!/usr/bin/env node\n')
  link(`${prefix}/bin/codex`, launcher)
  return file(`${prefix}/${native}`)
}

const resolve = (env: NodeJS.ProcessEnv, searchFrom = root) => resolveCodexBinary({ env, searchFrom, ...platform })

describe('resolveCodexBinary', () => {
  it('prefers CODEX_BIN', () => {
    const bin = file('mine/codex')
    npmInstall('usr')
    expect(resolve({ CODEX_BIN: bin, PATH: join(root, 'usr/bin') })).toEqual({ path: bin, origin: 'env' })
  })

  it('does not replace a CODEX_BIN that does not work', () => {
    npmInstall('usr')
    expect(() => resolve({ CODEX_BIN: join(root, 'none'), PATH: join(root, 'usr/bin') })).toThrow(/CODEX_BIN=.*no such file/)
    const plain = file('plain', 'data', 0o644)
    expect(() => resolve({ CODEX_BIN: plain })).toThrow(/not an executable file/)
  })

  it.each([
    ['the platform package beside it', undefined],
    ['the platform package inside it', `lib/node_modules/@openai/codex/node_modules/@openai/codex-linux-x64/vendor/${TRIPLE}/bin/codex`],
    ['the platform package, older layout', `lib/node_modules/@openai/codex-linux-x64/vendor/${TRIPLE}/codex/codex`],
    ['its own package, oldest layout', `lib/node_modules/@openai/codex/vendor/${TRIPLE}/codex/codex`],
  ])('follows the npm launcher on PATH to %s', (_where, layout) => {
    const native = npmInstall('usr', layout)
    expect(resolve({ PATH: `/nowhere:${join(root, 'usr/bin')}` })).toEqual({ path: native, origin: 'path' })
  })

  it('follows a CODEX_BIN that is the launcher', () => {
    const native = npmInstall('usr')
    expect(resolve({ CODEX_BIN: join(root, 'usr/bin/codex') }).path).toBe(native)
  })

  it("follows a package manager's shell shim", () => {
    const native = npmInstall('store')
    file(
      'pnpm/codex',
      `#!/bin/sh\nbasedir=$(dirname "$0")\nexec node  "$basedir/../store/lib/node_modules/@openai/codex/bin/codex.js" "$@"\n`,
    )
    expect(resolve({ PATH: join(root, 'pnpm') })).toEqual({ path: native, origin: 'path' })
  })

  it('uses a native binary or another wrapper script on PATH as it is', () => {
    const native = file('a/codex')
    expect(resolve({ PATH: join(root, 'a') }).path).toBe(native)
    const wrapper = file('b/codex', '#!/bin/sh\nexec /opt/codex "$@"\n')
    expect(resolve({ PATH: join(root, 'b') }).path).toBe(wrapper)
  })

  it('skips node_modules/.bin on PATH, then finds the same install from node_modules', () => {
    const native = file(`node_modules/@openai/codex-linux-x64/vendor/${TRIPLE}/bin/codex`)
    file('node_modules/.bin/codex', '#!/usr/bin/env node\n')
    const deep = join(root, 'libs/client/dist')
    expect(resolve({ PATH: join(root, 'node_modules/.bin') }, deep)).toEqual({ path: native, origin: 'node_modules' })
    const users = file('usr/bin/codex')
    expect(resolve({ PATH: `${join(root, 'node_modules/.bin')}:${join(root, 'usr/bin')}` }, deep).path).toBe(users)
  })

  it('continues after a launcher whose binary is missing', () => {
    link('broken/codex', file('broken/lib/codex/bin/codex.js', '#!/usr/bin/env node\n'))
    const native = file('good/codex')
    expect(resolve({ PATH: `${join(root, 'broken')}:${join(root, 'good')}` }).path).toBe(native)
  })

  it('names what it tried', () => {
    link('broken/codex', file('broken/lib/codex/bin/codex.js', '#!/usr/bin/env node\n'))
    const error = (() => {
      try {
        resolve({ PATH: join(root, 'broken') })
      } catch (thrown) {
        return thrown as CodexBinaryNotFoundError
      }
    })()
    expect(error).toBeInstanceOf(CodexBinaryNotFoundError)
    expect(error?.tried.join('\n')).toMatch(/CODEX_BIN: not set\n.*broken\/codex: npm launcher .*\nPATH: .*\nnode_modules above/)
  })

  it('knows no package for an unknown platform', () => {
    expect(() => resolveCodexBinary({ env: { PATH: '' }, searchFrom: root, platform: 'aix', arch: 'ppc64' })).toThrow(/for this platform/)
  })
})

describe('readCodexVersion', () => {
  it('reads the version', async () => {
    await expect(readCodexVersion(file('v', '#!/bin/sh\necho codex-cli 0.169.0-beta.1\n'))).resolves.toBe('0.169.0-beta.1')
  })

  it('fails in time', async () => {
    await expect(readCodexVersion(file('slow', '#!/bin/sh\nexec sleep 30\n'), { timeoutMs: 100 })).rejects.toThrow(/printed no version/)
    await expect(readCodexVersion(join(root, 'none'))).rejects.toThrow(/printed no version/)
  })
})
