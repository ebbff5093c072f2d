import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { renderContainerConfig } from './container-config.ts'

test('the committed configuration of the NATS container matches the declared permissions', () => {
  const committed = readFileSync(new URL('../../../nats/nats.conf', import.meta.url), 'utf8')
  expect(committed).toBe(renderContainerConfig())
})

test('it contains no password', () => {
  expect(renderContainerConfig().match(/password: (?!\$NATS_PASSWORD_[A-Z_]+,)/g)).toBeNull()
})
