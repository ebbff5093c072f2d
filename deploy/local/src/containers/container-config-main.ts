/**
 * Writes deploy/nats/nats.conf, the configuration of the NATS container, from the permissions declared in libs/bus. Run it when they
 * change: npm run build && node deploy/local/dist/containers/container-config-main.js
 */
import { writeFileSync } from 'node:fs'
import { renderContainerConfig } from './container-config.ts'

writeFileSync(new URL('../../../nats/nats.conf', import.meta.url), renderContainerConfig())
