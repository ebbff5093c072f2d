import { BridgeError } from '@codex-bridge/contracts'
import { Redis } from 'ioredis'

export type StoreOptions = {
  url: string
  observe?: (event: { kind: 'up' | 'down'; message: string }) => void
}

/** How long one Redis command may take before the store counts as away, in milliseconds. */
const COMMAND_TIMEOUT_MS = 2000

/**
 * A connection to Redis for a read model: a command fails at once while Redis is away (callers answer 503 or read the event
 * log instead), and the connection comes back by itself.
 */
export const connectStore = (options: StoreOptions): Redis => {
  const redis = new Redis(options.url, {
    enableOfflineQueue: false,
    enableAutoPipelining: true,
    maxRetriesPerRequest: 0,
    commandTimeout: COMMAND_TIMEOUT_MS,
    connectTimeout: COMMAND_TIMEOUT_MS,
    retryStrategy: (attempt) => Math.min(100 * attempt, 1000),
  })
  redis.on('ready', () => options.observe?.({ kind: 'up', message: 'ready' }))
  redis.on('close', () => options.observe?.({ kind: 'down', message: 'closed' }))
  // Without a listener the library prints every failed reconnect.
  redis.on('error', () => undefined)
  return redis
}

/** Runs a store call; whatever fails becomes `store_unavailable`. */
export const guarded = async <R>(call: () => Promise<R>): Promise<R> => {
  try {
    return await call()
  } catch (cause) {
    throw cause instanceof BridgeError ? cause : new BridgeError('store_unavailable', undefined, { cause })
  }
}
