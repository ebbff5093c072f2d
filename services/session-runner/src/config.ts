import { serviceEnvironment } from '@codex-bridge/service-kit'
import { type Static, Type } from 'typebox'

/** Environment of the session-runner. CODEX_BIN is read by the binary resolver. */
export const RunnerConfig = Type.Object({
  ...serviceEnvironment,
  BRIDGE_DATA_DIR: Type.String({ default: 'data' }),
  CODEX_HOME: Type.Optional(Type.String({ pattern: '^/' })),
  /** Sessions this runner holds at most. */
  BRIDGE_RUNNER_CAPACITY: Type.Integer({ default: 50, minimum: 1, maximum: 1000 }),
  /** Ends the process of a session that has had nothing to do for so long; 0 never. */
  BRIDGE_IDLE_HIBERNATE_SEC: Type.Integer({ default: 1800, minimum: 0 }),
  /** A turn without any sign of progress for so long is interrupted; 0 never. */
  BRIDGE_TURN_STALL_SEC: Type.Integer({ default: 900, minimum: 0 }),
  /** A turn that only reports retries for so long is interrupted; 0 never. */
  BRIDGE_TURN_RETRY_SEC: Type.Integer({ default: 300, minimum: 0 }),
  /** What happens after a process was lost: `resume` brings the session back without sending any prompt; `stop` leaves it down. */
  BRIDGE_RECOVERY: Type.Enum(['resume', 'stop'], { default: 'resume' }),
  /** Deadline of one verification command. */
  BRIDGE_VERIFICATION_TIMEOUT_SEC: Type.Integer({ default: 600, minimum: 1 }),
  /** Deadline of one app-server call. */
  BRIDGE_RPC_TIMEOUT_MS: Type.Integer({ default: 30_000, minimum: 500 }),
})
export type RunnerConfig = Static<typeof RunnerConfig>
