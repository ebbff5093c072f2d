import type { BusCredential } from './credentials.ts'

/** The services of the bridge, in the order in which they are started; the gateway, which needs the others, last. */
export const SERVICES = ['lane-registry', 'approvals', 'webhook-dispatcher', 'session-runner', 'gateway'] as const
export type ServiceName = (typeof SERVICES)[number]

/** What the environment of a service is made of. */
export type ServiceSetting = {
  /** The environment this process was started with. */
  user: NodeJS.ProcessEnv
  natsUrl: string
  redisUrl: string
  credential: BusCredential
  webhookKey: string
  dataDir: string
  host: string
  port: number
  codexHome: string | undefined
  /** Laid over everything. */
  overrides: Readonly<Record<string, string>>
}

/** What any program needs to run in its surroundings, and the settings of logging and tracing. */
const COMMON = /^(PATH|HOME|USER|LOGNAME|SHELL|LANG|LC_[A-Z]+|TZ|TMPDIR|NODE_OPTIONS|NODE_EXTRA_CA_CERTS|SSL_CERT_(FILE|DIR)|OTEL_[A-Z_]+)$/
/** Settings of the bridge itself, which are not secret. */
const SETTING = /^BRIDGE_[A-Z0-9_]+$/
/** Credentials, wherever they came from: a service gets its own and no other. */
const CREDENTIAL = /^(NATS_[A-Z0-9_]+|REDIS_URL|BRIDGE_WEBHOOK_KEY)$/

const pick = (env: NodeJS.ProcessEnv, wanted: (name: string) => boolean): Record<string, string> =>
  Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined && wanted(entry[0])))

/** npm's own variables mean something to npm only, and differ from one way of starting to another. */
const isOfNpm = (name: string): boolean => name.startsWith('npm_') || name === 'INIT_CWD'

const inherited = (service: ServiceName, user: NodeJS.ProcessEnv): Record<string, string> =>
  service === 'session-runner'
    ? // Codex runs in the user's normal environment: proxies, keys and paths of the tools it calls are the user's.
      pick(user, (name) => !CREDENTIAL.test(name) && !isOfNpm(name))
    : pick(user, (name) => (COMMON.test(name) || SETTING.test(name)) && !CREDENTIAL.test(name))

const own = (service: ServiceName, setting: ServiceSetting): Record<string, string> => {
  switch (service) {
    case 'gateway':
      return { HOST: setting.host, PORT: String(setting.port) }
    case 'lane-registry':
      return { REDIS_URL: setting.redisUrl }
    case 'webhook-dispatcher':
      return {
        BRIDGE_WEBHOOK_KEY: setting.webhookKey,
        // A bridge on a developer's machine has its receivers there too; the address guard stays on for every other network.
        BRIDGE_WEBHOOK_ALLOWED_NETWORKS: setting.user['BRIDGE_WEBHOOK_ALLOWED_NETWORKS'] ?? '127.0.0.0/8,::1/128',
      }
    case 'session-runner':
      return setting.codexHome === undefined ? {} : { CODEX_HOME: setting.codexHome }
    default:
      return {}
  }
}

/** The whole environment of a service: only what it needs, and of the credentials only its own. */
export const serviceEnvironment = (service: ServiceName, setting: ServiceSetting): Record<string, string> => ({
  ...inherited(service, setting.user),
  NATS_URL: setting.natsUrl,
  ...(setting.credential.user !== undefined && { NATS_USER: setting.credential.user, NATS_PASSWORD: setting.credential.password ?? '' }),
  BRIDGE_DATA_DIR: setting.dataDir,
  BRIDGE_INSTANCE: `${service}-1`,
  BRIDGE_EXIT_ON_STDIN_CLOSE: '1',
  ...own(service, setting),
  ...setting.overrides,
})
