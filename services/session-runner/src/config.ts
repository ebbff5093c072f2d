import type { AskForApproval, SandboxMode } from '@codex-bridge/codex-client'
import { serviceEnvironment } from '@codex-bridge/service-kit'
import { type Static, Type } from 'typebox'

/** Environment of the session-runner. CODEX_BIN is read by the binary resolver. */
export const RunnerConfig = Type.Object({
  ...serviceEnvironment,
  CODEX_BIN: Type.Optional(
    Type.String({
      description: 'The native codex binary, or its npm launcher. Without it: `codex` on the PATH, then the one in `node_modules`.',
    }),
  ),
  CODEX_HOME: Type.Optional(Type.String({ pattern: '^/', description: "Codex's own home folder. Without it: `~/.codex`." })),
  BRIDGE_DATA_DIR: Type.String({ default: 'data', description: 'Folder for scratch workspaces and the identities of child processes.' }),
  BRIDGE_RUNNER_CAPACITY: Type.Integer({ default: 50, minimum: 1, maximum: 1000, description: 'Maximum number of sessions held at once.' }),
  BRIDGE_IDLE_HIBERNATE_SEC: Type.Integer({
    default: 1800,
    minimum: 0,
    description: 'The process of a session that has been idle this long is ended; the next prompt wakes it. 0 never.',
  }),
  BRIDGE_TURN_STALL_SEC: Type.Integer({
    default: 900,
    minimum: 0,
    description: 'A turn without progress for this long is interrupted and failed. 0 never.',
  }),
  BRIDGE_TURN_RETRY_SEC: Type.Integer({
    default: 300,
    minimum: 0,
    description: 'A turn that reports nothing but retries for this long is interrupted and failed. 0 never.',
  }),
  BRIDGE_RECOVERY: Type.Enum(['resume', 'stop'], {
    default: 'resume',
    description:
      'What happens to a session whose process was lost: `resume` brings it back, `stop` leaves it down. Neither resends a prompt.',
  }),
  BRIDGE_VERIFICATION_TIMEOUT_SEC: Type.Integer({ default: 600, minimum: 1, description: 'Deadline of one verification command.' }),
  BRIDGE_RPC_TIMEOUT_MS: Type.Integer({ default: 30_000, minimum: 500, description: 'Deadline of one app-server call.' }),
  BRIDGE_READINESS_RETRY_MS: Type.Integer({
    default: 3000,
    minimum: 50,
    description: 'First pause before a thread that is not ready is tried again. Each pause is half as long again as the last, up to 30 s.',
  }),
  BRIDGE_TAKEOVER_APPROVAL_POLICY: Type.Enum(['untrusted', 'on-request', 'never'], {
    default: 'on-request',
    description: "Approval policy of a thread that another program made. The thread's own settings never apply.",
  }),
  BRIDGE_TAKEOVER_SANDBOX: Type.Enum(['read-only', 'workspace-write', 'danger-full-access'], {
    default: 'workspace-write',
    description: "Sandbox of a thread that another program made. The thread's own settings never apply.",
  }),
  BRIDGE_ALLOWED_ROOTS: Type.String({
    default: '',
    pattern: '^(\\s*/[^,]*(,\\s*/[^,]*)*)?$',
    description:
      'Comma-separated folders. Every workspace and worktree must lie in one of them, symbolic links resolved. Empty allows all.',
  }),
  BRIDGE_WORKTREES_DIR: Type.Optional(
    Type.String({
      minLength: 1,
      description:
        'Where `worktree: true` makes worktrees, one folder per lane: absolute, or relative to the repository of the lane. ' +
        'Without it: `worktrees` in `BRIDGE_DATA_DIR`. Add a folder inside the repository to its `.gitignore`.',
    }),
  ),
  BRIDGE_GIT_TIMEOUT_MS: Type.Integer({
    default: 30_000,
    minimum: 1000,
    description:
      'Deadline for making or removing one worktree. Above `BRIDGE_SESSION_START_TIMEOUT_MS` the answer is 202 and the work continues.',
  }),
  BRIDGE_PROCESS_VIEW: Type.Enum(['auto', 'off'], {
    default: 'auto',
    description: '`off` never looks at the processes of the host; `/codex/running` then infers from activity.',
  }),
})
export type RunnerConfig = Static<typeof RunnerConfig>

/** Settings of a thread that is taken over from another program. */
export type TakeoverSettings = { approvalPolicy: AskForApproval; sandbox: SandboxMode }

export const takeoverSettings = (config: RunnerConfig): TakeoverSettings => ({
  approvalPolicy: config.BRIDGE_TAKEOVER_APPROVAL_POLICY,
  sandbox: config.BRIDGE_TAKEOVER_SANDBOX,
})
