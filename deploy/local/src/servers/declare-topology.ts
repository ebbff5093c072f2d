import { applyTopology, connectBus } from '@codex-bridge/bus'
import type { BusCredential } from '../bridge/credentials.ts'

/** Declares streams and buckets as migrator; services only verify them. Idempotent. */
export const declareTopology = async (url: string, credential: BusCredential, instance: string, replicas = 1): Promise<void> => {
  const bus = await connectBus({ url, role: 'migrator', instance, ...credential })
  try {
    await applyTopology(bus, replicas)
  } finally {
    await bus.close()
  }
}
