import { serviceEnvironment } from '@codex-bridge/service-kit'
import { type Static, Type } from 'typebox'

/** Environment of the lane-registry. */
export const RegistryConfig = Type.Object({
  ...serviceEnvironment,
  REDIS_URL: Type.String({ default: 'redis://127.0.0.1:6379', description: 'The read model.' }),
  BRIDGE_RECONCILE_INTERVAL_MS: Type.Integer({
    default: 5000,
    minimum: 200,
    description: 'How often live sessions are compared with their leases.',
  }),
  BRIDGE_RPC_UNRESTRICTED: Type.Enum(['0', '1'], {
    default: '0',
    description:
      '`1` lets `/codex/rpc` call every method of Codex, including those that leave the sandbox or change configuration and login.',
  }),
  BRIDGE_SESSION_START_TIMEOUT_MS: Type.Integer({
    default: 45_000,
    minimum: 1000,
    description: 'Deadline for starting a session: process, handshake and thread together.',
  }),
  BRIDGE_WATCH_INTERVAL_SEC: Type.Integer({
    default: 15,
    minimum: 0,
    maximum: 3600,
    description:
      'Seconds between two checks of what other programs do to the threads of lanes; 0 turns the watcher off. ' +
      '`/watch/start` and `/watch/stop` override this setting, also after a restart.',
  }),
})
export type RegistryConfig = Static<typeof RegistryConfig>
