import { guard } from '@codex-bridge/contracts'
import { Type } from 'typebox'
import type { Connection } from '../connection/connection.ts'
import { requestMany } from './call.ts'

const isPing = guard(Type.Object({ name: Type.String() }))

/** How many instances of each service answer a ping within `waitMs`, by service name. */
export const countInstances = async (connection: Connection, waitMs: number): Promise<Map<string, number>> => {
  const counts = new Map<string, number>()
  for await (const text of requestMany(connection, '$SRV.PING', {}, waitMs)) {
    const ping: unknown = JSON.parse(text)
    if (isPing(ping)) counts.set(ping.name, (counts.get(ping.name) ?? 0) + 1)
  }
  return counts
}
