import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { renderContainerConfig } from './container-config.ts'

test('the committed configuration of the NATS container is what the declared permissions render to', () => {
  const committed = readFileSync(new URL('../../../nats/nats.conf', import.meta.url), 'utf8')
  expect(committed).toBe(renderContainerConfig())
})

test('no password is in it', () => {
  expect(renderContainerConfig().match(/password: (?!\$NATS_PASSWORD_[A-Z_]+,)/g)).toBeNull()
})
