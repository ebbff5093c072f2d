import type { AggregateStore, Bus, EventLog } from '@codex-bridge/bus'
import type { Logger } from '@codex-bridge/service-kit'

/** What the parts of one approvals process share. */
export type ApprovalsContext = {
  bus: Bus
  log: EventLog
  approvals: AggregateStore<'approval'>
  logger: Logger
  /** Seconds after which an undecided approval is denied; 0: never. */
  expirySec: number
}

/** The deadline of an approval created now; null without expiry. */
export const expiryFrom = (now: Date, expirySec: number): string | null =>
  expirySec > 0 ? new Date(now.getTime() + expirySec * 1000).toISOString() : null
