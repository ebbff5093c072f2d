import { renderServerConfig } from '@codex-bridge/bus'
import { BUS_ROLES, type BusRole } from '@codex-bridge/contracts'
import { passwordVariable } from '../bridge/credentials.ts'

/** Oldest supported server for containers: the first that syncs every write to disk before it acknowledges it. */
const OLDEST_SERVER = '2.10.27'

/** Configuration of nats-server in a container: passwords from its environment, data in /data. */
export const renderContainerConfig = (): string => {
  const passwords = Object.fromEntries(BUS_ROLES.map((role) => [role, `$${passwordVariable(role)}`])) as Record<BusRole, string>
  const config = renderServerConfig({ host: '0.0.0.0', port: 4222, storeDir: '/data', passwords, version: OLDEST_SERVER })
  return `# Rendered from libs/bus by deploy/local/src/containers/container-config-main.ts; do not edit.\n${config}`
}
