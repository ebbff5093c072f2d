import { type Bus, countInstances } from '@codex-bridge/bus'
import { Approvals, CODEX_NEEDS, Codex, Registry, type RunnerInfo, Webhooks } from '@codex-bridge/contracts'
import { SingleFlight } from '@codex-bridge/platform'
import { BRIDGE_VERSION } from '@codex-bridge/service-kit'
import type { HealthReport, ServiceHealth } from './health-schema.ts'

/** Deadline of a report, in milliseconds. */
const DEADLINE_MS = 1000
/** Lag of a service that counts as a problem, in events: a burst is processed within seconds. */
const LAG_LIMIT = 1000
/** How long to collect the replies of all instances, in milliseconds; within the deadline. */
const GATHER_MS = 800

const BACKENDS = [
  { name: 'lane-registry', health: Registry.health, without: 'lanes cannot be read or changed' },
  { name: 'approvals', health: Approvals.health, without: 'approvals cannot be listed or decided' },
  { name: 'webhook-dispatcher', health: Webhooks.health, without: 'webhooks are not delivered' },
] as const

export type HealthProbe = () => Promise<HealthReport>

/** Creates a probe that asks every service. Concurrent calls share one report. */
export const createHealthProbe = (bus: Bus): HealthProbe => {
  const reports = new SingleFlight<'report', HealthReport>()
  return () => reports.run('report', () => gather(bus))
}

const gather = async (bus: Bus): Promise<HealthReport> => {
  if (!bus.connected()) return reportOf(bus, { services: {}, runners: [], instances: new Map() })
  const [runners, instances, ...backends] = await Promise.all([
    withinDeadline(bus.callAll(Codex.describeRunner, {}, GATHER_MS), []),
    withinDeadline(countInstances(bus, GATHER_MS), new Map<string, number>()),
    ...BACKENDS.map(async ({ name, health }) => [name, await healthOf(bus, health)] as const),
  ])
  return reportOf(bus, { services: Object.fromEntries(backends), runners: [...runners].sort(byId), instances })
}

const byId = (left: RunnerInfo, right: RunnerInfo): number => (left.runnerId < right.runnerId ? -1 : 1)

/** The result, or a default if it fails or misses the deadline: one silent service must not delay the report. */
const withinDeadline = <T>(result: Promise<T>, otherwise: T): Promise<T> =>
  Promise.race([
    result.catch(() => otherwise),
    new Promise<T>((resolve) => {
      setTimeout(resolve, DEADLINE_MS, otherwise).unref()
    }),
  ])

const healthOf = (bus: Bus, verb: (typeof BACKENDS)[number]['health']): Promise<Record<string, unknown> | undefined> =>
  withinDeadline(bus.call(verb, {}, { timeoutMs: DEADLINE_MS }), undefined)

type Gathered = {
  services: Record<string, Record<string, unknown> | undefined>
  runners: RunnerInfo[]
  instances: Map<string, number>
}

/** Builds the report from the replies and the state of the connection. */
const reportOf = (bus: Bus, gathered: Gathered): HealthReport => {
  const connected = bus.connected()
  const { runners } = gathered
  const services: Record<string, ServiceHealth> = { gateway: { status: connected ? 'ok' : 'degraded', instances: 1 } }
  for (const { name } of BACKENDS) services[name] = serviceHealth(gathered.services[name], gathered.instances.get(name) ?? 0)
  services['session-runner'] = { status: runners.length > 0 ? worstOf(runners) : 'down', instances: runners.length }
  const problems = connected
    ? problemsOf(services, runners)
    : ['NATS is not connected, so no request can be served: check that nats-server is running']
  const healthy = Object.values(services).every(({ status }) => status === 'ok') && problems.length === 0
  return {
    status: connected ? (healthy ? 'ok' : 'degraded') : 'down',
    service: 'codex-bridge',
    version: BRIDGE_VERSION,
    uptimeSec: Math.round(process.uptime()),
    bus: { connected, serverVersion: bus.nc.info?.version ?? null },
    services,
    runners,
    codex: codexOf(runners),
    problems,
  }
}

const serviceHealth = (details: Record<string, unknown> | undefined, instances: number): ServiceHealth => {
  if (!details) return { status: 'down', instances }
  const status = details['status'] === 'degraded' || details['status'] === 'down' ? details['status'] : 'ok'
  const lag = Number.isInteger(details['lag']) ? (details['lag'] as number) : null
  return { ...details, ...('lag' in details && { lag }), status, instances: Math.max(instances, 1) }
}

const worstOf = (runners: RunnerInfo[]): ServiceHealth['status'] =>
  runners.every((runner) => runner.appServer !== 'failed' && runner.problem === null) ? 'ok' : 'degraded'

const codexOf = (runners: RunnerInfo[]): HealthReport['codex'] => {
  const best = runners.find(({ appServer }) => appServer === 'ok') ?? runners[0]
  return {
    binary: best?.codexBinary ?? null,
    version: best?.codexVersion ?? null,
    appServer: best?.appServer ?? null,
    login: best?.login ?? null,
    mixedVersions: versionsOf(runners).length > 1,
    missingMethods: missingOf(runners),
    homes: homesOf(runners),
  }
}

const versionsOf = (runners: RunnerInfo[]): string[] => [...new Set(runners.flatMap(({ codexVersions }) => codexVersions))].sort()

const missingOf = (runners: RunnerInfo[]): string[] | null => {
  const reported = runners.flatMap(({ missingMethods }) => (missingMethods === null ? [] : [missingMethods]))
  return reported.length === 0 ? null : [...new Set(reported.flat())]
}

const homesOf = (runners: RunnerInfo[]): HealthReport['codex']['homes'] =>
  [...new Set(runners.map(({ codexHome }) => codexHome))].sort().map((path) => {
    const here = runners.filter(({ codexHome }) => codexHome === path)
    return { path, runners: here.length, versions: versionsOf(here) }
  })

const problemsOf = (services: Record<string, ServiceHealth>, runners: RunnerInfo[]): string[] => [
  ...BACKENDS.filter(({ name }) => services[name]?.status === 'down').map(
    ({ name, without }) => `${name} does not respond, so ${without}: check its log, or start everything with \`npm start\``,
  ),
  ...(runners.length === 0
    ? ['No session-runner responds, so no lane can start a session: check its log, or start everything with `npm start`']
    : []),
  ...runners.flatMap(runnerProblems),
  ...versionProblems(runners),
  ...BACKENDS.filter(({ name }) => (services[name]?.lag ?? 0) > LAG_LIMIT).map(
    ({ name }) => `${name} is ${services[name]?.lag} events behind, so its data is outdated: check its log`,
  ),
]

const versionProblems = (runners: RunnerInfo[]): string[] => {
  const mixed = homesOf(runners).filter(({ versions }) => versions.length > 1)
  if (mixed.length > 0) {
    return mixed.map(
      ({ path, versions }) =>
        `${path} is used by Codex ${versions.join(' and ')}, and older versions ignore the writer lock: install one version everywhere, then restart the old sessions`,
    )
  }
  return versionsOf(runners).length > 1 ? ['The runners use different Codex versions: install the same one everywhere'] : []
}

const lackProblems = ({ runnerId, codexVersion, missingMethods }: RunnerInfo): string[] =>
  (missingMethods ?? []).map(
    (method) =>
      `${runnerId}: Codex ${codexVersion ?? ''} lacks ${method}, needed for ${CODEX_NEEDS[method]?.serves}: install a newer version`,
  )

const runnerProblems = (runner: RunnerInfo): string[] => [
  ...(runner.codexBinary === null
    ? [`${runner.runnerId} cannot find the codex binary: set CODEX_BIN, or install it with \`npm install -g @openai/codex\``]
    : []),
  ...(runner.login === 'missing'
    ? [`${runner.runnerId} is not logged in to Codex: run \`codex login\`. \`npm run demo\` works without an account`]
    : []),
  ...lackProblems(runner),
  ...(runner.problem === null ? [] : [`${runner.runnerId}: ${runner.problem}`]),
  ...(runner.appServer === 'failed' && runner.problem === null
    ? [`${runner.runnerId} cannot start the app-server: try \`codex app-server\` on its machine`]
    : []),
]
