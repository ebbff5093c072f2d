import type { BusCredential } from './credentials.ts'

/** The services in start order; the gateway needs the others and comes last. */
export const SERVICES = ['lane-registry', 'approvals', 'webhook-dispatcher', 'session-runner', 'gateway'] as const
export type ServiceName = (typeof SERVICES)[number]

/** Inputs for the environment of a service. */
export type ServiceSetup = {
  /** Environment this process was started with. */
  user: NodeJS.ProcessEnv
  natsUrl: string
  redisUrl: string
  credential: BusCredential
  webhookKey: string
  dataDir: string
  host: string
  port: number
  codexHome: string | undefined
  /** Applied last. */
  overrides: Readonly<Record<string, string>>
}

/** What any program needs, and the settings of logging and tracing. */
const COMMON = /^(PATH|HOME|USER|LOGNAME|SHELL|LANG|LC_[A-Z]+|TZ|TMPDIR|NODE_OPTIONS|NODE_EXTRA_CA_CERTS|SSL_CERT_(FILE|DIR)|OTEL_[A-Z_]+)$/
/** Settings of the bridge that are not secret. */
const SETTING = /^BRIDGE_[A-Z0-9_]+$/
/** Credentials. A service gets its own and no other. */
const CREDENTIAL = /^(NATS_[A-Z0-9_]+|REDIS_URL|BRIDGE_WEBHOOK_KEY)$/

const pick = (env: NodeJS.ProcessEnv, wanted: (name: string) => boolean): Record<string, string> =>
  Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined && wanted(entry[0])))

/** Variables of npm mean nothing to others and depend on how the bridge was started. */
const isOfNpm = (name: string): boolean => name.startsWith('npm_') || name === 'INIT_CWD'

const inherited = (service: ServiceName, user: NodeJS.ProcessEnv): Record<string, string> =>
  service === 'session-runner'
    ? // Codex runs in the user's environment, with the proxies, keys and paths of the tools it calls.
      pick(user, (name) => !CREDENTIAL.test(name) && !isOfNpm(name))
    : pick(user, (name) => (COMMON.test(name) || SETTING.test(name)) && !CREDENTIAL.test(name))

const own = (service: ServiceName, setup: ServiceSetup): Record<string, string> => {
  switch (service) {
    case 'gateway':
      return { HOST: setup.host, PORT: String(setup.port) }
    case 'lane-registry':
      return { REDIS_URL: setup.redisUrl }
    case 'webhook-dispatcher':
      return {
        BRIDGE_WEBHOOK_KEY: setup.webhookKey,
        // On a developer's machine the receivers run there too; the address guard stays on for every other network.
        BRIDGE_WEBHOOK_ALLOWED_NETWORKS: setup.user['BRIDGE_WEBHOOK_ALLOWED_NETWORKS'] ?? '127.0.0.0/8,::1/128',
      }
    case 'session-runner':
      return setup.codexHome === undefined ? {} : { CODEX_HOME: setup.codexHome }
    default:
      return {}
  }
}

/** The complete environment of a service: only what it needs, and only its own credentials. */
export const serviceEnvironment = (service: ServiceName, setup: ServiceSetup): Record<string, string> => ({
  ...inherited(service, setup.user),
  NATS_URL: setup.natsUrl,
  ...(setup.credential.user !== undefined && { NATS_USER: setup.credential.user, NATS_PASSWORD: setup.credential.password ?? '' }),
  BRIDGE_DATA_DIR: setup.dataDir,
  BRIDGE_INSTANCE: `${service}-1`,
  BRIDGE_EXIT_ON_STDIN_CLOSE: '1',
  ...own(service, setup),
  ...setup.overrides,
})
