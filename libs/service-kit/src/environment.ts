import { BridgeError, type Problem, validator } from '@codex-bridge/contracts'
import { type Static, type TSchema, Type } from 'typebox'
import { Value } from 'typebox/value'

/**
 * Reads configuration from the environment: converts texts to the schema's types, fills defaults, and fails with every
 * problem at once. Empty variables count as absent.
 * @throws BridgeError `validation_error`
 */
export const readEnvironment = <T extends TSchema>(schema: T, environment: NodeJS.ProcessEnv): Static<T> => {
  const present = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== undefined && value !== ''))
  const wanted = Object.keys((schema as unknown as { properties: Record<string, unknown> }).properties)
  const picked = Object.fromEntries(wanted.filter((name) => name in present).map((name) => [name, present[name]]))
  return validator(schema)(Value.Default(schema, Value.Convert(schema, picked))) as Static<T>
}

/** Variables every service reads. */
export const serviceEnvironment = {
  NATS_URL: Type.String({ default: 'nats://127.0.0.1:4222', description: 'One or more NATS servers, comma-separated.' }),
  NATS_USER: Type.Optional(Type.String({ description: "Login on NATS: the service's role." })),
  NATS_PASSWORD: Type.Optional(Type.String({ description: 'Password of `NATS_USER`.' })),
  BRIDGE_LOG_LEVEL: Type.Enum(['trace', 'debug', 'info', 'warn', 'error', 'silent'], {
    default: 'info',
    description: 'Lowest level that is logged. The gateway logs reads that succeed within a second at `debug` only.',
  }),
  BRIDGE_INSTANCE: Type.Optional(
    Type.String({
      pattern: '^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$',
      description:
        'Name of the process: stable over restarts and different for every process of a service. Without it: `<service>-1`. ' +
        'A restarted process with the same name immediately takes over what its dead predecessor held.',
    }),
  ),
  BRIDGE_EXIT_ON_STDIN_CLOSE: Type.Enum(['0', '1'], {
    default: '0',
    description: '`1` stops the service when its standard input closes. `npm start` sets it so that no service outlives it.',
  }),
}

const SECRET = /(PASSWORD|SECRET|TOKEN|KEY)/
const CREDENTIALS_IN_URL = /\/\/[^@/]*@/

/** Configuration fit for a log line. */
export const redacted = (config: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(config).map(([name, value]) => [
      name,
      SECRET.test(name) && value !== undefined
        ? '[redacted]'
        : typeof value === 'string'
          ? value.replace(CREDENTIALS_IN_URL, '//[redacted]@')
          : value,
    ]),
  )

/** One line per problem, for a process that cannot start. */
export const problemLines = (error: unknown): string[] => {
  const problem = BridgeError.from(error)
  if (problem.code === 'internal_error' && problem.cause) return [String(problem.cause)]
  const listed = Array.isArray(problem.details) ? (problem.details as (Problem | string)[]) : []
  return listed.length > 0 && problem.code === 'validation_error'
    ? listed.map((entry) => (typeof entry === 'string' ? entry : `${entry.path.slice(1)}: ${entry.message}`))
    : [problem.message]
}

/** Exit status of a process whose configuration is invalid: EX_CONFIG of sysexits.h. */
const EX_CONFIG = 78

/** Reads the configuration of a process that is starting. On failure it prints one line per problem to stderr and exits with 78. */
export const readConfigOrExit = <C>(read: (environment: NodeJS.ProcessEnv) => C): C => {
  try {
    return read(process.env)
  } catch (error) {
    for (const line of problemLines(error)) process.stderr.write(`configuration: ${line}\n`)
    process.exit(EX_CONFIG)
  }
}

/** As readConfigOrExit, for a configuration that its schema describes completely. */
export const configOrExit = <T extends TSchema>(schema: T): Static<T> =>
  readConfigOrExit((environment) => readEnvironment(schema, environment))
