import { renderServerConfig } from '@codex-bridge/bus'
import { BUS_ROLES, type BusRole } from '@codex-bridge/contracts'
import { passwordVariable } from '../bridge/credentials.ts'

/** Oldest server the container configuration is for; from here on every write is on disk before it is acknowledged. */
const OLDEST_SERVER = '2.10.27'

/** nats-server configuration for a container: passwords come from its environment, data is in /data. */
export const renderContainerConfig = (): string => {
  const passwords = Object.fromEntries(BUS_ROLES.map((role) => [role, `$${passwordVariable(role)}`])) as Record<BusRole, string>
  const config = renderServerConfig({ host: '0.0.0.0', port: 4222, storeDir: '/data', passwords, version: OLDEST_SERVER })
  return `# Rendered from libs/bus by deploy/local/src/containers/container-config-main.ts; do not edit.\n${config}`
}
