import { expect, it } from 'vitest'
import { parseUserAgentVersion } from './app-server-process.ts'

it.each([
  ['codex-bridge/0.169.0 (Debian 12.0.0; x86_64) xterm (codex-bridge; 1.0.0)', '0.169.0'],
  ['Codex Desktop/0.170.0-alpha.2 (Mac OS 26.0; arm64) dumb', '0.170.0-alpha.2'],
  ['a/b/0.98.0 (x)', '0.98.0'],
  ['nothing here', undefined],
  ['', undefined],
])('%s → %s', (userAgent, version) => {
  expect(parseUserAgentVersion(userAgent)).toBe(version)
})
