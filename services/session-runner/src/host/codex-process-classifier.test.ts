import { describe, expect, it } from 'vitest'
import { kindOf, surfaceOfProcess } from './codex-process-classifier.ts'

const vendor = '/usr/lib/node_modules/@openai/codex/node_modules/@openai/codex-linux-x64/vendor/x86_64-unknown-linux-musl/bin/codex'

describe('kindOf', () => {
  it.each([
    [[vendor, 'app-server'], 'app-server'],
    [[vendor, '-c', 'model="x"', 'app-server', '--listen', 'ws://127.0.0.1:0'], 'app-server'],
    [
      ['/h/.codex/packages/app-server-daemon/releases/0.169.0/bin/codex', 'app-server', '--listen', 'unix://', '--managed-daemon'],
      'daemon',
    ],
    [['codex', 'mcp-server'], 'app-server'],
    [['codex', 'exec', '--json', 'hello'], 'exec'],
    [['codex', '-m', 'gpt-5.5', 'e', 'hello'], 'exec'],
    [['codex'], 'tui'],
    [['codex', '--no-daemon'], 'tui'],
    [['codex', '-C', '/srv/app', 'resume', '--last'], 'tui'],
    [['codex', 'fix the build'], 'tui'],
    [['/x/vendor/x86_64-unknown-linux-musl/codex/codex', 'app-server'], 'app-server'],
    [['/opt/codex-x86_64-unknown-linux-musl', 'exec', 'x'], 'exec'],
  ])('%j is %s', (commandLine, kind) => {
    expect(kindOf(commandLine)).toBe(kind)
  })

  it.each([
    [['node', '/usr/bin/codex', 'app-server']],
    [['node', '/x/@openai/codex/bin/codex.js', 'exec', 'x']],
    [['codex-linux-sandbox', '--', 'bash']],
    [['/x/bin/codex-code-mode-host']],
    [['bwrap', 'codex']],
    [[vendor, 'app-server', 'daemon', 'pid-update-loop']],
    [[vendor, 'app-server', 'daemon', 'version']],
    [[vendor, 'app-server', 'proxy', '--sock', '/x']],
    [['codex', 'login']],
    [['codex', '--version']],
    [['grep', 'codex', 'app-server']],
    [[]],
  ])('%j is not a process that holds threads', (commandLine) => {
    expect(kindOf(commandLine)).toBeUndefined()
  })

  it('does not take the value of an option for a command', () => {
    expect(kindOf(['codex', '-p', 'exec'])).toBe('tui')
    expect(kindOf(['codex', '--add-dir', 'login', 'exec', 'x'])).toBe('exec')
  })
})

describe('surfaceOfProcess', () => {
  const about = { kind: 'app-server' as const, program: '/usr/bin/codex', variables: new Set<string>(), ofBridge: false }

  it('recognises its own processes, the terminal, and clients by the place of their binary', () => {
    expect(surfaceOfProcess({ ...about, ofBridge: true })).toBe('bridge')
    expect(surfaceOfProcess({ ...about, kind: 'exec' })).toBe('cli')
    expect(surfaceOfProcess({ ...about, kind: 'tui', variables: new Set(['VSCODE_PID']) })).toBe('cli')
    expect(surfaceOfProcess({ ...about, kind: 'daemon' })).toBe('cli')
    expect(surfaceOfProcess({ ...about, program: '/Applications/Codex.app/Contents/Resources/codex' })).toBe('mac-app')
    expect(surfaceOfProcess({ ...about, program: '/home/dev/.vscode-server/extensions/openai.chatgpt-1/bin/linux/codex' })).toBe('vscode')
    expect(surfaceOfProcess({ ...about, variables: new Set(['VSCODE_PID']) })).toBe('vscode')
  })

  it('is unknown without evidence', () => {
    expect(surfaceOfProcess(about)).toBe('unknown')
  })
})
