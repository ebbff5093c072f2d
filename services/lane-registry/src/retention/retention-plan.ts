import type { DeletedLane } from '../projection/lane-projection.ts'

const DAY_MS = 86_400_000

/** From this share of the limit on the log raises its alarm, so that there is time to act. */
const ALARM_SHARE = 0.8

export type RetentionPolicy = {
  /** Days that the events of a deleted lane stay. */
  days: number
  /** Seconds that they stay in any case, for retries, reconnecting readers and new subscriptions. */
  graceSec: number
  /** Size of the log above which deleted lanes are purged before their days are up. 0: no limit. */
  maxBytes: number
}

/** Whether the log is close to its limit. */
export const isAlarming = (bytes: number, { maxBytes }: RetentionPolicy): boolean => maxBytes > 0 && bytes >= ALARM_SHARE * maxBytes

export type PurgePlan = {
  /** Their days are up. */
  due: DeletedLane[]
  /** To purge one by one, oldest first, while the log is above its limit. */
  early: DeletedLane[]
}

/**
 * The deleted lanes that may be purged. Pure.
 * @param handled sequence up to which every reaction to events has come: what a reaction has not handled must stay
 */
export const planPurge = (deleted: DeletedLane[], policy: RetentionPolicy, handled: number, nowMs: number): PurgePlan => {
  const ageOf = ({ deletedAt }: DeletedLane) => nowMs - Date.parse(deletedAt)
  const purgeable = deleted
    .filter((lane) => lane.seq <= handled && ageOf(lane) >= policy.graceSec * 1000)
    .sort((left, right) => ageOf(right) - ageOf(left))
  const due = purgeable.filter((lane) => ageOf(lane) >= policy.days * DAY_MS)
  return { due, early: policy.maxBytes > 0 ? purgeable.slice(due.length) : [] }
}
