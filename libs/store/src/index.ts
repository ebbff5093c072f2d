export { connectStore } from './connection.ts'
export { InvalidSnapshotError, type Page, type PageQuery, SnapshotStore } from './snapshot-store.ts'
