/**
 * Writes nats.conf, the configuration of the NATS container, from the permissions declared in libs/bus. Run it after they change:
 * npm run build && node deploy/nats/render.mjs
 */
import { writeFileSync } from 'node:fs'
import { renderContainerConfig } from '../local/dist/container.config.js'

writeFileSync(new URL('nats.conf', import.meta.url), renderContainerConfig())
