export { connectStore, guarded, type StoreOptions } from './connection.ts'
export { type Page, type Snapshot, SnapshotStore } from './snapshot-store.ts'
