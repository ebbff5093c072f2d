import { serviceEnvironment } from '@codex-bridge/service-kit'
import { type Static, Type } from 'typebox'
import type { RetentionPolicy } from './retention/retention-plan.ts'

/** Environment of the lane-registry. */
export const RegistryConfig = Type.Object({
  ...serviceEnvironment,
  REDIS_URL: Type.String({ default: 'redis://127.0.0.1:6379', description: 'The read model.' }),
  BRIDGE_RECONCILE_INTERVAL_MS: Type.Integer({
    default: 5000,
    minimum: 200,
    description: 'How often live sessions are compared with their leases.',
  }),
  BRIDGE_RETENTION_DAYS: Type.Integer({
    default: 30,
    minimum: 0,
    maximum: 3650,
    description: 'Days that the events of a deleted lane stay in the event log. `0` removes them once the grace is over.',
  }),
  BRIDGE_RETENTION_GRACE_SEC: Type.Integer({
    default: 60,
    minimum: 0,
    maximum: 86_400,
    description:
      'Seconds that the events of a deleted lane stay in any case, so that retried commands, reconnecting readers and new webhook ' +
      'subscriptions still find them.',
  }),
  BRIDGE_EVENTS_MAX_BYTES: Type.Integer({
    default: 8 * 1024 ** 3,
    minimum: 0,
    description:
      'Size of the event log above which deleted lanes are removed before their days are over, oldest first. `/health` raises an alarm ' +
      'from 80 % on. Events of lanes that are not deleted stay. `0` is no limit.',
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

export const retentionPolicy = (config: RegistryConfig): RetentionPolicy => ({
  days: config.BRIDGE_RETENTION_DAYS,
  graceSec: config.BRIDGE_RETENTION_GRACE_SEC,
  maxBytes: config.BRIDGE_EVENTS_MAX_BYTES,
})
