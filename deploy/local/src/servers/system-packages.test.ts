import { expect, test } from 'vitest'
import { installLine, packageManager } from './system-packages.ts'

const systemWith = (name: string) => packageManager((wanted) => (wanted === name ? `/bin/${name}` : undefined))

test.each([
  ['apt-get', 'sudo apt-get install -y --no-install-recommends nats-server redis-server'],
  ['dnf', 'sudo dnf install -y nats-server redis'],
  ['brew', 'brew install nats-server redis'],
])('the install command of %s is %s', (name, line) => {
  const manager = systemWith(name)
  expect(manager && installLine(manager, ['nats', 'redis'])).toBe(line)
})

test('a system without a known package manager has none', () => {
  expect(systemWith('none')).toBeUndefined()
})
