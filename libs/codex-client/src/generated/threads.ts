// Generated from the pinned codex binary by generate-types.mjs. Do not edit.

import type { AbsolutePathBuf, LegacyAppPathString, ReasoningEffort } from './items.ts';
import type { Turn } from './turns.ts';

export type AgentPath = string;

export type SubAgentSource = "review" | "compact" | { "thread_spawn": { parent_thread_id: ThreadId, depth: number, agent_path: AgentPath | null, agent_nickname: string | null, agent_role: string | null, } } | "memory_consolidation" | { "other": string };

export type ThreadId = string;

export type AskForApproval = "untrusted" | "on-request" | { "granular": { sandbox_approval: boolean, rules: boolean, skill_approval: boolean, request_permissions: boolean, mcp_elicitations: boolean, } } | "never";

export type GitInfo = { sha: string | null, branch: string | null, originUrl: string | null, };

export type NetworkAccess = "restricted" | "enabled";

export type SandboxMode = "read-only" | "workspace-write" | "danger-full-access";

export type SandboxPolicy = { "type": "dangerFullAccess" } | { "type": "readOnly", networkAccess: boolean, } | { "type": "externalSandbox", networkAccess: NetworkAccess, } | { "type": "workspaceWrite", writableRoots: Array<AbsolutePathBuf>, networkAccess: boolean, excludeTmpdirEnvVar: boolean, excludeSlashTmp: boolean, };

export type SessionSource = "cli" | "vscode" | "exec" | "appServer" | { "custom": string } | { "subAgent": SubAgentSource } | "unknown";

export type Thread = {
id: string,
environments: Array<ThreadEnvironment> | null,
extra: ThreadExtra | null,
sessionId: string,
forkedFromId: string | null,
attachedToThreadId: string | null,
parentThreadId: string | null,
preview: string,
ephemeral: boolean,
section: ThreadSection | null,
sectionEnteredAt: number | null,
projectId: string | null,
historyMode: ThreadHistoryMode,
modelProvider: string,
model: string | null,
reasoningEffort: ReasoningEffort | null,
createdAt: number,
updatedAt: number,
recencyAt: number | null,
status: ThreadStatus,
path: string | null,
cwd: AbsolutePathBuf,
cliVersion: string,
originator: string | null,
source: SessionSource,
canAcceptDirectInput: boolean | null,
threadSource: ThreadSource | null,
agentNickname: string | null,
agentRole: string | null,
gitInfo: GitInfo | null,
name: string | null,
daybreakEnabled: boolean | null,
turns: Array<Turn>, };

export type ThreadActiveFlag = "waitingOnApproval" | "waitingOnUserInput";

export type ThreadEnvironment = { environmentId: string, cwd: LegacyAppPathString, runtimeWorkspaceRoots: Array<LegacyAppPathString>, };

export type ThreadExtra = Record<string, never>;

export type ThreadHistoryMode = "legacy" | "paginated";

export type ThreadSection = {
id: string,
name: string,
appearance: ThreadSectionAppearance | null, };

export type ThreadSectionAppearance = { icon: string | null, color: string | null, };

export type ThreadSource = string;

export type ThreadStatus = { "type": "notLoaded" } | { "type": "idle" } | { "type": "systemError" } | { "type": "active", activeFlags: Array<ThreadActiveFlag>, };
