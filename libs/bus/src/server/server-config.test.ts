import { BUS_ROLES, type BusRole } from '@codex-bridge/contracts'
import { describe, expect, it } from 'vitest'
import { permissionsOf } from './permissions.ts'
import { renderServerConfig } from './server-config.ts'

const passwords = Object.fromEntries(BUS_ROLES.map((role) => [role, `pw-${role}`])) as Record<BusRole, string>
const config = { host: '127.0.0.1', port: 4222, storeDir: '/data/nats', passwords, version: '2.9.10' }

describe('renderServerConfig', () => {
  it('has every role with its password and permissions', () => {
    const text = renderServerConfig(config)
    expect(text).toContain('listen: "127.0.0.1:4222"')
    expect(text).toContain('store_dir: "/data/nats"')
    for (const role of BUS_ROLES) {
      expect(text).toContain(`user: "${role}", password: "pw-${role}"`)
      for (const subject of permissionsOf(role).publish) expect(text).toContain(JSON.stringify(subject))
    }
  })

  it('asks for an fsync per write only where the server knows the option', () => {
    expect(renderServerConfig(config)).not.toContain('sync_interval')
    expect(renderServerConfig({ ...config, version: '2.10.0' })).toContain('sync_interval: always')
    expect(renderServerConfig({ ...config, version: '2.12.3' })).toContain('sync_interval: always')
  })

  it('quotes a password that could end its line, and leaves a variable to the server', () => {
    const text = renderServerConfig({ ...config, passwords: { ...passwords, gateway: 'a" }\nusers: [', observer: '$NATS_OBSERVER' } })
    expect(text).toContain('password: "a\\" }\\nusers: ["')
    expect(text).toContain('user: "observer", password: $NATS_OBSERVER')
  })
})
