export { BoundedMap, BoundedSet } from './bounded.ts'
export { findExecutable } from './executable.ts'
export { type LockHolder, readLock, tryLock, withFileLock } from './file-lock.mjs'
export { freePort, probePort } from './free-port.ts'
export { parentDeathPrefix } from './parent-death.ts'
export { type Poll, poll } from './poll.ts'
export { type ProcStat, readProcStat } from './proc-stat.mjs'
export { killGroup, signalGroup } from './process-group.ts'
export {
  hostIdentity,
  ownIdentity,
  type ProcessIdentity,
  type ProcessStatus,
  processIdentity,
  processStatus,
  startTimeOf,
} from './process-identity.mjs'
export { SerialQueue } from './serial-queue.ts'
export { SingleFlight } from './single-flight.ts'
