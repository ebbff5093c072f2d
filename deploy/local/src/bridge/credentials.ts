import { randomBytes } from 'node:crypto'
import { chmodSync, existsSync } from 'node:fs'
import { BUS_ROLES, type BusRole } from '@codex-bridge/contracts'
import { readJsonFile, writePrivateFile } from './private-file.ts'

/** Secrets of one local bridge, kept over restarts. Removing their file makes new ones, and stored webhook secrets unreadable. */
export type Secrets = { bus: Record<BusRole, string>; redis: string; webhookKey: string }

export type BusCredential = { user?: string; password?: string }

const PASSWORD_BYTES = 24
const WEBHOOK_KEY_BYTES = 32

const password = (): string => randomBytes(PASSWORD_BYTES).toString('base64url')

const isText = (value: unknown): value is string => typeof value === 'string' && value !== ''

/**
 * Reads the secrets, adding what is missing (a role of a newer version).
 * @throws Error when the file exists but cannot be read: replacing it would silently lose the key of the webhook secrets
 */
export const loadSecrets = (path: string): Secrets => {
  const stored = readJsonFile(path) as Partial<Secrets> | undefined
  if (stored === undefined && existsSync(path)) {
    throw new Error(`${path} is damaged: restore it, or remove it to start with new credentials`)
  }
  const bus = Object.fromEntries(
    BUS_ROLES.map((role) => [role, isText(stored?.bus?.[role]) ? stored.bus[role] : password()]),
  ) as Secrets['bus']
  const secrets: Secrets = {
    bus,
    redis: isText(stored?.redis) ? stored.redis : password(),
    webhookKey: isText(stored?.webhookKey) ? stored.webhookKey : randomBytes(WEBHOOK_KEY_BYTES).toString('base64'),
  }
  if (JSON.stringify(stored) !== JSON.stringify(secrets)) writePrivateFile(path, `${JSON.stringify(secrets, null, 2)}\n`)
  chmodSync(path, 0o600)
  return secrets
}

/** Name of the variable with a role's password for a NATS server that this start does not run. */
export const passwordVariable = (role: BusRole): string => `NATS_PASSWORD_${role.replaceAll('-', '_').toUpperCase()}`

/**
 * Login of a role on a given NATS server: its own password if NATS_PASSWORD_<ROLE> is set, else NATS_USER and NATS_PASSWORD, else
 * none.
 */
export const givenCredential = (role: BusRole, env: NodeJS.ProcessEnv): BusCredential => {
  const own = env[passwordVariable(role)]
  if (own) return { user: role, password: own }
  return env['NATS_USER'] ? { user: env['NATS_USER'], password: env['NATS_PASSWORD'] ?? '' } : {}
}

/** Login of a role on the NATS server of this data folder. */
export const localCredential = (role: BusRole, secrets: Secrets): BusCredential => ({ user: role, password: secrets.bus[role] })
