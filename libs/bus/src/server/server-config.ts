import { BUS_ROLES, type BusRole } from '@codex-bridge/contracts'
import { permissionsOf } from './permissions.ts'
import { atLeast } from './server-requirements.ts'

export type ServerConfig = {
  host: string
  port: number
  storeDir: string
  /** One password per role: clear text, or a `$NAME` that the server reads from its own environment. */
  passwords: Record<BusRole, string>
  /** Version of the server that will read this, e.g. `2.9.10`: older ones reject fields they do not know. */
  version: string
}

/** From this version on the server can fsync every write before it acknowledges. */
const SYNC_ALWAYS_SINCE = [2, 10, 0]

const list = (values: string[]): string => `[${values.map((value) => JSON.stringify(value)).join(', ')}]`
const secret = (password: string): string => (password.startsWith('$') ? password : JSON.stringify(password))

/**
 * The text of a nats-server configuration with JetStream, one user per role and its permissions. Answers go to the inboxes of
 * the roles that ask: the server's own `allow_responses` remembers every reply subject and cost more than half of its time.
 */
export const renderServerConfig = (config: ServerConfig): string => {
  const users = BUS_ROLES.map((role) => {
    const { publish, subscribe } = permissionsOf(role)
    return `    { user: ${JSON.stringify(role)}, password: ${secret(config.passwords[role])}, permissions: {
        publish: ${list(publish)}, subscribe: ${list(subscribe)} } }`
  })
  return `listen: ${JSON.stringify(`${config.host}:${config.port}`)}
server_name: "codex-bridge"
max_payload: 2MB
write_deadline: "10s"
jetstream {
  store_dir: ${JSON.stringify(config.storeDir)}
${atLeast(config.version, SYNC_ALWAYS_SINCE) ? '  sync_interval: always\n' : ''}}
authorization {
  users: [
${users.join(',\n')}
  ]
}
`
}
