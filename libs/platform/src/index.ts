export { BoundedMap, BoundedSet } from './bounded.ts'
export { findExecutable } from './executable.ts'
export { type LockHolder, readLock, tryLock } from './file-lock.mjs'
export { freePort, probePort } from './free-port.ts'
export { parentDeathPrefix } from './parent-death.ts'
export { poll } from './poll.ts'
export { readProcStat } from './proc-stat.mjs'
export { killGroup, signalGroup } from './process-group.ts'
export {
  hostIdentity,
  ownIdentity,
  type ProcessIdentity,
  processIdentity,
  processStatus,
  startTimeOf,
} from './process-identity.mjs'
export { SerialQueue } from './serial-queue.ts'
export { SingleFlight } from './single-flight.ts'
