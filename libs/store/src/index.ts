export { connectStore } from './connection.ts'
export { InvalidSnapshotError, memberOf, type Page, type PageQuery, parseCursor, SnapshotStore } from './snapshot-store.ts'
