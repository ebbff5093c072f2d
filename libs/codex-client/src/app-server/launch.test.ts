import { describe, expect, it } from 'vitest'
import { appServerArgs, appServerEnv } from './launch.ts'

describe('appServerEnv', () => {
  it("removes the bridge's own variables and the named ones, and sets the home", () => {
    const base = {
      PATH: '/bin',
      BRIDGE_TOKEN: 's',
      NATS_URL: 'nats://u:p@h',
      REDIS_URL: 'redis://:p@h',
      MY_SECRET: 's',
      XNATS_URL: 'kept',
      CODEX_HOME: '/other',
      NONE: undefined,
    }
    expect(appServerEnv(base, { codexHome: '/home', stripEnv: ['MY_SECRET'], env: { EXTRA: '1' } })).toEqual({
      PATH: '/bin',
      XNATS_URL: 'kept',
      EXTRA: '1',
      CODEX_HOME: '/home',
    })
  })
})

describe('appServerArgs', () => {
  it('writes overrides and features after the subcommand', () => {
    expect(
      appServerArgs({ configOverrides: { model: '"m"' }, enableFeatures: ['a'], disableFeatures: ['b'], args: ['--strict-config'] }),
    ).toEqual(['app-server', '-c', 'model="m"', '--enable', 'a', '--disable', 'b', '--strict-config'])
  })
})
