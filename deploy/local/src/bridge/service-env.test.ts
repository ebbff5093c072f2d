import { describe, expect, test } from 'vitest'
import { type ServiceName, serviceEnvironment } from './service-env.ts'

const user = {
  PATH: '/bin',
  HOME: '/home/me',
  https_proxy: 'http://proxy',
  OPENAI_API_KEY: 'key',
  npm_lifecycle_event: 'start',
  NATS_PASSWORD_APPROVALS: 'x',
  REDIS_URL: 'redis://given',
  BRIDGE_WEBHOOK_KEY: 'given',
  BRIDGE_LOG_LEVEL: 'debug',
}

const of = (service: ServiceName, overrides = {}, more = {}): Record<string, string> =>
  serviceEnvironment(service, {
    user: { ...user, ...more },
    natsUrl: 'nats://127.0.0.1:4222',
    redisUrl: 'redis://127.0.0.1:6379',
    credential: { user: service, password: 'pw' },
    webhookKey: 'wk',
    dataDir: '/data',
    host: '127.0.0.1',
    port: 8787,
    codexHome: undefined,
    overrides,
  })

describe('the environment of a service', () => {
  test('holds its login and the settings of the bridge', () => {
    expect(of('approvals')).toEqual({
      PATH: '/bin',
      HOME: '/home/me',
      BRIDGE_LOG_LEVEL: 'debug',
      NATS_URL: 'nats://127.0.0.1:4222',
      NATS_USER: 'approvals',
      NATS_PASSWORD: 'pw',
      BRIDGE_DATA_DIR: '/data',
      BRIDGE_INSTANCE: 'approvals-1',
      BRIDGE_EXIT_ON_STDIN_CLOSE: '1',
    })
  })

  test('gives Codex the surroundings of the user, without credentials of the bridge', () => {
    const env = of('session-runner')
    expect(env).toMatchObject({ https_proxy: 'http://proxy', OPENAI_API_KEY: 'key' })
    for (const name of ['REDIS_URL', 'BRIDGE_WEBHOOK_KEY', 'NATS_PASSWORD_APPROVALS', 'npm_lifecycle_event', 'CODEX_HOME'])
      expect(env).not.toHaveProperty(name)
  })

  test('lets webhooks reach this machine, unless the user says otherwise', () => {
    expect(of('webhook-dispatcher')).toMatchObject({ BRIDGE_WEBHOOK_KEY: 'wk', BRIDGE_WEBHOOK_ALLOWED_NETWORKS: '127.0.0.0/8,::1/128' })
    const stricter = of('webhook-dispatcher', {}, { BRIDGE_WEBHOOK_ALLOWED_NETWORKS: '10.0.0.0/8' })
    expect(stricter['BRIDGE_WEBHOOK_ALLOWED_NETWORKS']).toBe('10.0.0.0/8')
  })

  test('can be overridden variable by variable', () => {
    expect(of('gateway', { BRIDGE_LOG_LEVEL: 'warn' })).toMatchObject({ BRIDGE_LOG_LEVEL: 'warn', PORT: '8787', HOST: '127.0.0.1' })
  })
})
