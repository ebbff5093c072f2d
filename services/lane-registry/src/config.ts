import { serviceEnvironment } from '@codex-bridge/service-kit'
import { type Static, Type } from 'typebox'

/** Environment of the lane-registry. */
export const RegistryConfig = Type.Object({
  ...serviceEnvironment,
  REDIS_URL: Type.String({ default: 'redis://127.0.0.1:6379' }),
  /** How often live sessions are compared with their leases. */
  BRIDGE_RECONCILE_INTERVAL_MS: Type.Integer({ default: 5000, minimum: 200 }),
  /** `1`: `/codex/rpc` lets every method through, also those that leave the sandbox. */
  BRIDGE_RPC_UNRESTRICTED: Type.Enum(['0', '1'], { default: '0' }),
  /** Deadline for starting a session: process, handshake and thread. */
  BRIDGE_SESSION_START_TIMEOUT_MS: Type.Integer({ default: 45_000, minimum: 1000 }),
  /** Seconds between two looks at what happens to threads outside the bridge; 0 is off. What /watch/start and /watch/stop say goes before. */
  BRIDGE_WATCH_INTERVAL_SEC: Type.Integer({ default: 15, minimum: 0, maximum: 3600 }),
})
export type RegistryConfig = Static<typeof RegistryConfig>
