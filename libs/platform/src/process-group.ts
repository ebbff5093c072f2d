import { type ProcessIdentity, processStatus } from './process-identity.mjs'

/**
 * Signals a process group; `0` only asks whether it exists. Does not check who leads the group: for a leader that this process
 * started, or has just reaped (its id stays taken while the group has members).
 * @returns false when there is no such group or it may not be signalled
 */
export const signalGroup = (groupId: number, signal: NodeJS.Signals | 0): boolean => {
  // kill(-1) and kill(-0) mean "everybody" and "my own group".
  if (!Number.isInteger(groupId) || groupId <= 1) return false
  try {
    process.kill(-groupId, signal)
    return true
  } catch {
    return false
  }
}

/**
 * Signals the group led by exactly this process. Between the check and the signal the pid could be reused only by a full turn of
 * the pid counter.
 * @returns false when nothing was sent: another process, gone, no leader of a group, not permitted
 */
export const killGroup = (identity: ProcessIdentity, signal: NodeJS.Signals): boolean =>
  processStatus(identity) === 'alive' && signalGroup(identity.pid, signal)
