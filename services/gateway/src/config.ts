import { isIP } from 'node:net'
import { BridgeError } from '@codex-bridge/contracts'
import { readEnvironment, serviceEnvironment } from '@codex-bridge/service-kit'
import { type Static, Type } from 'typebox'

const MIB = 1024 ** 2

/** Environment of the gateway. */
export const GatewayConfig = Type.Object({
  ...serviceEnvironment,
  PORT: Type.Integer({
    default: 8787,
    minimum: 0,
    maximum: 65_535,
    description: 'Port of the HTTP server. 0 lets the system choose; the log line `listening` names it.',
  }),
  HOST: Type.String({ default: '127.0.0.1', description: 'Address the HTTP server listens on.' }),
  BRIDGE_MAX_BODY_BYTES: Type.Integer({
    default: 2 * MIB,
    minimum: 1024,
    maximum: 64 * MIB,
    description: 'Maximum size of a request body. A larger one is answered with 413.',
  }),
  BRIDGE_ALLOWED_HOSTS: Type.String({
    default: '',
    description: 'Comma-separated names, besides loopback and `HOST`, that are accepted in the `Host` header.',
  }),
  BRIDGE_ALLOWED_ORIGINS: Type.String({
    default: '',
    description: 'Comma-separated origins (`https://board.example`) whose pages may call the bridge.',
  }),
  BRIDGE_ALLOW_UNAUTHENTICATED: Type.Enum(['0', '1'], {
    default: '0',
    description: '`1` allows a `HOST` beyond loopback although the API asks for no token.',
  }),
  BRIDGE_MAX_STREAMS: Type.Integer({ default: 1000, minimum: 0, description: 'Maximum number of open event streams.' }),
  BRIDGE_COMMAND_TIMEOUT_MS: Type.Integer({
    default: 60_000,
    minimum: 100,
    description: 'After this long without an answer the outcome of a command is `unknown` (202).',
  }),
})
export type GatewayConfig = Static<typeof GatewayConfig>

/** The entries of a comma-separated setting, trimmed; empty ones are dropped. */
export const entriesOf = (setting: string): string[] =>
  setting
    .split(',')
    .map((entry) => entry.trim())
    .filter(Boolean)

/** True for an address or name that is reachable only from this machine. */
export const isLoopback = (host: string): boolean => {
  const name = host
    .toLowerCase()
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '')
  if (isIP(name) === 4) return name.startsWith('127.')
  if (isIP(name) === 6) return name === '::1' || /^::ffff:127\.\d+\.\d+\.\d+$/.test(name)
  return name === 'localhost' || name.endsWith('.localhost')
}

/**
 * Reads and checks the gateway's settings.
 * @throws BridgeError `validation_error` with one line per problem
 */
export const readConfig = (environment: NodeJS.ProcessEnv): GatewayConfig => {
  const config = readEnvironment(GatewayConfig, environment)
  const problems = [
    ...(isLoopback(config.HOST) || config.BRIDGE_ALLOW_UNAUTHENTICATED === '1'
      ? []
      : [
          `HOST=${config.HOST} is reachable from other machines, and the API requires no token: use HOST=127.0.0.1, ` +
            'or set BRIDGE_ALLOW_UNAUTHENTICATED=1 if a proxy in front of the bridge authenticates callers',
        ]),
    ...entriesOf(config.BRIDGE_ALLOWED_ORIGINS)
      .filter((origin) => !isOrigin(origin))
      .map((origin) => `BRIDGE_ALLOWED_ORIGINS: ${origin} is not an origin (scheme://host[:port] without a path)`),
  ]
  if (problems.length > 0) throw new BridgeError('validation_error', problems[0], { details: problems })
  return config
}

const isOrigin = (text: string): boolean => {
  try {
    return new URL(text).origin === text
  } catch {
    return false
  }
}
