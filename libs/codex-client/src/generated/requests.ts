// Generated from the pinned codex binary by generate-types.mjs. Do not edit.

import type { AbsolutePathBuf, FunctionCallOutputBody, JsonValue, ReasoningEffort, UserInput } from './items.ts';
import type { ApprovalsReviewer, CollaborationMode, MultiAgentMode, Personality, TurnEnvironmentParams } from './thread-requests.ts';
import type { AskForApproval, SandboxPolicy } from './threads.ts';
import type { Turn } from './turns.ts';

export type ClientInfo = { name: string, title: string | null, version: string, };

export type InitializeCapabilities = {
requiredHumanApproval?: boolean,
explicitGatewayOauth?: boolean,
experimentalApi: boolean,
requestAttestation: boolean,
mcpServerOpenaiFormElicitation?: boolean,
optOutNotificationMethods?: Array<string> | null,
extensions?: { [key in string]?: JsonValue } | null, };

export type InitializeParams = { clientInfo: ClientInfo, capabilities: InitializeCapabilities | null, };

export type InitializeResponse = { userAgent: string,
codexHome: AbsolutePathBuf,
platformFamily: string,
platformOs: string, };

export type PlanType = "free" | "go" | "plus" | "pro" | "prolite" | "promax" | "team" | "self_serve_business_prolite" | "self_serve_business_usage_based" | "business" | "ent26" | "enterprise_cbp_automation" | "enterprise_cbp_usage_based" | "enterprise" | "edu" | "edu_plus" | "edu_pro" | "sci" | "sci_plus" | "unknown";

export type ReasoningSummary = "auto" | "concise" | "detailed" | "none";

export type Account = { "type": "apiKey", } | { "type": "chatgpt", email: string | null, planType: PlanType,
workspaceName: string | null, } | { "type": "amazonBedrock", usesCodexManagedCredentials: boolean, } | { "type": "gcp", };

export type AccountRoutingOverride = "NO_CONSTRAINT" | "us" | "us_cr";

export type AdditionalContextEntry = { value: string, kind: AdditionalContextKind,
name?: string | null, };

export type AdditionalContextKind = "untrusted" | "application";

export type CommandExecParams = {
command: Array<string>,
processId?: string | null,
tty?: boolean,
streamStdin?: boolean,
streamStdoutStderr?: boolean,
outputBytesCap?: number | null,
disableOutputCap?: boolean,
disableTimeout?: boolean,
timeoutMs?: number | null,
cwd?: string | null,
env?: { [key in string]?: string | null } | null,
size?: CommandExecTerminalSize | null,
sandboxPolicy?: SandboxPolicy | null,
permissionProfile?: string | null, };

export type CommandExecResponse = {
exitCode: number,
stdout: string,
stderr: string, };

export type CommandExecTerminalSize = {
rows: number,
cols: number, };

export type CommandExecTerminateParams = {
processId: string, };

export type CyberAccessProgram = "standard" | "daybreakBlue" | "daybreakRed";

export type GetAccountParams = {
refreshToken?: boolean, };

export type GetAccountResponse = { account: Account | null,
userId: string | null, requiresOpenaiAuth: boolean, workspaceRouting: WorkspaceRouting | null, };

export type TurnInterruptParams = { threadId: string, turnId: string, };

export type TurnStartParams = { threadId: string,
disabledPluginIds?: Array<string> | null, clientUserMessageId?: string | null, input: Array<UserInput>,
turnTrigger?: string | null,
parentTurnId?: string | null,
rootTurnId?: string | null, toolOutput?: TurnToolOutput | null,
responsesapiClientMetadata?: { [key in string]?: string } | null,
responsesapiClientMetadataPatch?: { [key in string]?: string } | null,
additionalContext?: { [key in string]?: AdditionalContextEntry } | null,
environments?: Array<TurnEnvironmentParams> | null,
cwd?: string | null,
runtimeWorkspaceRoots?: Array<AbsolutePathBuf> | null,
approvalPolicy?: AskForApproval | null,
approvalsReviewer?: ApprovalsReviewer | null,
sandboxPolicy?: SandboxPolicy | null,
permissions?: string | null,
model?: string | null,
serviceTier?: string | null | null,
serviceTierForTurn?: string | null,
effort?: ReasoningEffort | null,
summary?: ReasoningSummary | null,
personality?: Personality | null,
outputSchema?: JsonValue | null,
collaborationMode?: CollaborationMode | null,
multiAgentMode?: MultiAgentMode | null,
cyberAccessProgram?: CyberAccessProgram | null, };

export type TurnStartResponse = { turn: Turn, };

export type TurnSteerParams = { threadId: string, clientUserMessageId?: string | null, input: Array<UserInput>,
responsesapiClientMetadata?: { [key in string]?: string } | null,
responsesapiClientMetadataPatch?: { [key in string]?: string } | null,
additionalContext?: { [key in string]?: AdditionalContextEntry } | null,
expectedTurnId: string, };

export type TurnSteerResponse = { turnId: string, };

export type TurnToolOutput = { name: string, namespace: string | null, output: FunctionCallOutputBody,
retain?: boolean, };

export type WorkspaceRouting = { chatgptAccountId: string, backendOrigin: string, accountRoutingOverride: AccountRoutingOverride, };
