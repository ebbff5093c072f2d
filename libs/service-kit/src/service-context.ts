import { randomBytes } from 'node:crypto'
import { type Bus, connectBus, type LeaseHolder, LeaseTable, type ServedRequest, verifyTopology } from '@codex-bridge/bus'
import type { BusRole } from '@codex-bridge/contracts'
import { ownIdentity, processStatus } from '@codex-bridge/platform'
import { redacted } from './environment.ts'
import { createLogger, type Logger } from './logger.ts'

/** Version of the bridge, shown by /health and the services framework. */
export const BRIDGE_VERSION = '0.1.0'

export type ServiceConfig = {
  NATS_URL: string
  NATS_USER?: string
  NATS_PASSWORD?: string
  BRIDGE_LOG_LEVEL: string
  BRIDGE_INSTANCE?: string
}

/** What every service needs besides its own parts. */
export type ServiceContext = { role: Exclude<BusRole, 'migrator' | 'observer'>; instance: string; holder: LeaseHolder; logger: Logger }

/** Names the process and makes its logger. The instance id stays over restarts where the environment gives one. */
export const createContext = (role: ServiceContext['role'], config: ServiceConfig): ServiceContext => {
  const instance = config.BRIDGE_INSTANCE ?? `${role}-1`
  const logger = createLogger(role, instance, config.BRIDGE_LOG_LEVEL)
  logger.info({ config: redacted(config) }, 'starting')
  return { role, instance, holder: { id: instance, instance: randomBytes(6).toString('hex'), ...ownIdentity() }, logger }
}

/** Connects as the service's role and refuses to go on when the streams are not as declared. */
export const connectService = async (context: ServiceContext, config: ServiceConfig): Promise<Bus> => {
  const bus = await connectBus({
    url: config.NATS_URL,
    role: context.role,
    instance: context.instance,
    user: config.NATS_USER,
    password: config.NATS_PASSWORD,
    observe: ({ kind, message }) =>
      (kind === 'reconnected' ? context.logger.info : context.logger.warn).call(context.logger, { kind, message }, 'bus'),
  })
  await verifyTopology(bus)
  return bus
}

/** The lease table of this process, with the proof of death that works between processes of one host. */
export const openLeases = (bus: Bus, context: ServiceContext): Promise<LeaseTable> =>
  LeaseTable.open(bus, context.holder, (holder) => processStatus(holder) === 'dead')

/** One log line per bus request: failures of the bridge as errors; refusals, also those of Codex, and successes quietly. */
export const logServed =
  (logger: Logger) =>
  ({ subject, ms, error }: ServedRequest): void => {
    const entry = { subject, ms: Math.round(ms * 10) / 10, ...(error && { code: error.code }) }
    if (error && error.status >= 500 && error.code !== 'codex_error')
      logger.error({ ...entry, err: error.cause ?? error }, 'request failed')
    else logger.debug(entry, 'request')
  }
