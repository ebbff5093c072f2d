import type { SessionState } from '@codex-bridge/contracts'
import { hostIdentity, processStatus, signalGroup } from '@codex-bridge/platform'
import type { Logger } from '@codex-bridge/service-kit'

/**
 * Ends the process that the log still names, so that it does not run beside its successor. One of another host cannot be ended from
 * here: its runner does that.
 */
export const endLeftover = ({ process: leftover }: SessionState, logger: Logger): void => {
  if (!leftover || leftover.host !== hostIdentity() || processStatus(leftover) === 'dead') return
  if (signalGroup(leftover.pid, 'SIGKILL')) logger.warn({ pid: leftover.pid }, 'ended a leftover app-server')
}
