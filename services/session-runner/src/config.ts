import { serviceEnvironment } from '@codex-bridge/service-kit'
import { type Static, Type } from 'typebox'
import type { TakeoverSettings } from './threads/thread-loader.ts'

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
  /** How long a session whose thread is not ready waits until it tries again; grows with every try, up to 30 s. */
  BRIDGE_READINESS_RETRY_MS: Type.Integer({ default: 3000, minimum: 50 }),
  /** What a thread made by another program may do when a lane takes it over: its own settings never apply unseen. */
  BRIDGE_TAKEOVER_APPROVAL_POLICY: Type.Enum(['untrusted', 'on-request', 'never'], { default: 'on-request' }),
  BRIDGE_TAKEOVER_SANDBOX: Type.Enum(['read-only', 'workspace-write', 'danger-full-access'], { default: 'workspace-write' }),
  /** Folders, comma-separated, in one of which every workspace must lie; empty allows all. */
  BRIDGE_ALLOWED_ROOTS: Type.String({ default: '', pattern: '^(\\s*/[^,]*(,\\s*/[^,]*)*)?$' }),
  /** Where worktrees of lanes are made: an absolute folder, or one relative to the lane's repository. Default: `worktrees` in BRIDGE_DATA_DIR. */
  BRIDGE_WORKTREES_DIR: Type.Optional(Type.String({ minLength: 1 })),
  /** Deadline for making or removing one worktree. */
  BRIDGE_GIT_TIMEOUT_MS: Type.Integer({ default: 30_000, minimum: 1000 }),
  /** `off`: processes of the host are not looked at, and what runs is inferred from activity. */
  BRIDGE_PROCESS_VIEW: Type.Enum(['auto', 'off'], { default: 'auto' }),
})
export type RunnerConfig = Static<typeof RunnerConfig>

/** The settings of a thread that is taken over. */
export const takeoverSettings = (config: RunnerConfig): TakeoverSettings => ({
  approvalPolicy: config.BRIDGE_TAKEOVER_APPROVAL_POLICY,
  sandbox: config.BRIDGE_TAKEOVER_SANDBOX,
})
