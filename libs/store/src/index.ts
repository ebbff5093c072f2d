export { connectStore } from './connection.ts'
export { SnapshotStore } from './snapshot-store.ts'
