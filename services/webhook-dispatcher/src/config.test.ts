import type { BridgeError } from '@codex-bridge/contracts'
import { describe, expect, it } from 'vitest'
import { readConfig } from './config.ts'

const problems = (environment: NodeJS.ProcessEnv): unknown => {
  try {
    readConfig(environment)
    return 'accepted'
  } catch (error) {
    return (error as BridgeError).details
  }
}

describe('the configuration', () => {
  it('has a default for every setting', () => {
    expect(readConfig({})).toMatchObject({
      dataDir: 'data',
      webhookKey: undefined,
      delivery: {
        allowedNetworks: [],
        timeoutMs: 15_000,
        concurrency: 8,
        schedule: [0, 5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400],
      },
    })
  })

  it('lists every problem at once', () => {
    const found = problems({ BRIDGE_WEBHOOK_ALLOWED_NETWORKS: 'nonsense', BRIDGE_WEBHOOK_TIMEOUT_MS: 'soon', BRIDGE_WEBHOOK_KEY: 'short' })
    expect((found as { path: string }[]).map(({ path }) => path).sort()).toEqual([
      '/BRIDGE_WEBHOOK_ALLOWED_NETWORKS',
      '/BRIDGE_WEBHOOK_KEY',
      '/BRIDGE_WEBHOOK_TIMEOUT_MS',
    ])
    expect(found).toContainEqual({
      path: '/BRIDGE_WEBHOOK_ALLOWED_NETWORKS',
      message: '"nonsense" is not an address block such as 10.0.0.0/8',
    })
  })

  it.each([
    ['BRIDGE_WEBHOOK_KEY', 'c2hvcnQ='],
    ['BRIDGE_WEBHOOK_ALLOWED_NETWORKS', '10.0.0.0/8,nonsense'],
    ['BRIDGE_WEBHOOK_TIMEOUT_MS', 'soon'],
    ['BRIDGE_WEBHOOK_CONCURRENCY', '0'],
    ['BRIDGE_WEBHOOK_RETRY_SCHEDULE_SEC', '0,,5'],
  ])('names the setting it refuses: %s=%s', (name, value) => {
    expect(problems({ [name]: value })).toMatchObject([{ path: `/${name}` }])
  })
})
