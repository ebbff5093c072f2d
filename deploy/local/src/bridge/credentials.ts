import type { BusRole } from '@codex-bridge/contracts'
import type { Secrets } from './secrets.ts'

export type BusCredential = { user?: string; password?: string }

/** Name of the variable that holds a role's password for a NATS server which this start does not run. */
export const passwordVariable = (role: BusRole): string => `NATS_PASSWORD_${role.replaceAll('-', '_').toUpperCase()}`

/**
 * Who connects to a given NATS server as what: the role with its own password where NATS_PASSWORD_<ROLE> is set, else
 * NATS_USER and NATS_PASSWORD for all, else nobody in particular.
 */
export const givenCredential = (role: BusRole, env: NodeJS.ProcessEnv): BusCredential => {
  const own = env[passwordVariable(role)]
  if (own) return { user: role, password: own }
  return env['NATS_USER'] ? { user: env['NATS_USER'], password: env['NATS_PASSWORD'] ?? '' } : {}
}

/** The same for the server of this data folder. */
export const localCredential = (role: BusRole, secrets: Secrets): BusCredential => ({ user: role, password: secrets.bus[role] })
