#!/usr/bin/env node
/**
 * `npm run test:containers`: the integration tests of the libraries against the server images that docker-compose.yml names, instead of
 * local binaries. Needs a container engine that answers, and the images or a registry to pull them from.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const say = (line) => process.stdout.write(`${line}\n`)

const docker = (...args) => execFileSync('docker', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim()

const composed = [...readFileSync(join(root, 'docker-compose.yml'), 'utf8').matchAll(/image: \$\{(?:NATS|REDIS)_IMAGE:-([^}]+)\}/g)].map(
  ([, image]) => image,
)

const run = (command, args, env = {}) => {
  const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit', env: { ...process.env, ...env } })
  if (status !== 0) process.exit(status ?? 1)
}

if (!(process.env.DOCKER_HOST || existsSync('/var/run/docker.sock'))) {
  say('No container engine: DOCKER_HOST is not set and /var/run/docker.sock does not exist.')
  process.exit(1)
}
say(`engine ${docker('version', '--format', '{{.Server.Version}}')}`)
for (const image of composed) {
  try {
    docker('image', 'inspect', image)
  } catch {
    say(`pulling ${image}`)
    run('docker', ['pull', image])
  }
  say(`${image}: ${docker('image', 'inspect', '--format', '{{.Id}}', image)}`)
}
run('npm', ['run', '--silent', 'build'])
const folders = process.argv.length > 2 ? process.argv.slice(2) : ['libs/testkit', 'libs/bus', 'libs/store']
run(join(root, 'node_modules/.bin/vitest'), ['run', '--config', '.ci/vitest.config.mjs', '--project', 'integration', ...folders], {
  BRIDGE_TEST_CONTAINERS: '1',
})
