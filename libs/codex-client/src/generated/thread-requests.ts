// Generated from the pinned codex binary by generate-types.mjs. Do not edit.

import type { AbsolutePathBuf, FunctionCallOutputBody, ImageDetail, JsonValue, LegacyAppPathString, MessagePhase, ReasoningEffort } from './items.ts';
import type { AskForApproval, SandboxMode, SandboxPolicy, Thread, ThreadHistoryMode, ThreadSource } from './threads.ts';
import type { Turn, TurnItemsView } from './turns.ts';

export type AgentMessageInputContent = { "type": "input_text", text: string, } | { "type": "encrypted_content", encrypted_content: string, };

export type CollaborationMode = { mode: ModeKind, settings: Settings, };

export type ConfigurationReasoning = { effort: ReasoningEffort, };

export type ContentItem = { "type": "input_text", text: string, } | { "type": "input_image", detail?: ImageDetail, } & ({ image_url: string, } | { file_id: string, }) | { "type": "input_audio", } & ({ audio_url: string, } | { file_id: string, }) | { "type": "output_text", text: string, annotations?: unknown[], logprobs?: unknown[], };

export type InternalChatMessageMetadataPassthrough = { turn_id?: string, };

export type LocalShellAction = { "type": "exec" } & LocalShellExecAction;

export type LocalShellExecAction = { command: Array<string>, timeout_ms: bigint | null, working_directory: string | null, env: { [key in string]?: string } | null, user: string | null, };

export type LocalShellStatus = "completed" | "in_progress" | "incomplete";

export type ModeKind = "plan" | "default";

export type MultiAgentMode = { "custom": string } | "explicitRequestOnly" | "proactive";

export type Personality = "none" | "friendly" | "pragmatic";

export type ReasoningItemContent = { "type": "reasoning_text", text: string, } | { "type": "text", text: string, };

export type ReasoningItemReasoningSummary = { "type": "summary_text", text: string, };

export type ResponseItem = { "type": "additional_tools", id?: ResponseItemId, role: string, tools: unknown[], } | { "type": "message", encrypted_content?: string, status?: string, id?: ResponseItemId, role: string, content: Array<ContentItem>, phase?: MessagePhase, internal_chat_message_metadata_passthrough?: InternalChatMessageMetadataPassthrough, } | { "type": "agent_message", id?: ResponseItemId, author: string, recipient: string, content: Array<AgentMessageInputContent>, internal_chat_message_metadata_passthrough?: InternalChatMessageMetadataPassthrough, } | { "type": "reasoning", id?: ResponseItemId, summary: Array<ReasoningItemReasoningSummary>, content?: Array<ReasoningItemContent>, encrypted_content: string | null, internal_chat_message_metadata_passthrough?: InternalChatMessageMetadataPassthrough, } | { "type": "local_shell_call", encrypted_content?: string,
id?: ResponseItemId,
call_id: string | null, status: LocalShellStatus, action: LocalShellAction, internal_chat_message_metadata_passthrough?: InternalChatMessageMetadataPassthrough, } | { "type": "function_call", encrypted_content?: string, status?: string, id?: ResponseItemId, name: string, namespace?: string, arguments: string, encrypted_function_args?: Array<string>, call_id: string, internal_chat_message_metadata_passthrough?: InternalChatMessageMetadataPassthrough, } | { "type": "tool_search_call", encrypted_content?: string, id?: ResponseItemId, call_id: string | null, status?: string, execution: string, arguments: unknown, internal_chat_message_metadata_passthrough?: InternalChatMessageMetadataPassthrough, } | { "type": "function_call_output", id?: ResponseItemId, call_id?: string, name?: string, namespace?: string, output: FunctionCallOutputBody, internal_chat_message_metadata_passthrough?: InternalChatMessageMetadataPassthrough, } | { "type": "custom_tool_call", encrypted_content?: string, id?: ResponseItemId, status?: string, call_id: string, name: string, namespace?: string, input: string, internal_chat_message_metadata_passthrough?: InternalChatMessageMetadataPassthrough, } | { "type": "custom_tool_call_output", id?: ResponseItemId, call_id: string, name?: string, output: FunctionCallOutputBody, internal_chat_message_metadata_passthrough?: InternalChatMessageMetadataPassthrough, } | { "type": "tool_search_output", id?: ResponseItemId, call_id: string | null, status: string, execution: string, tools: unknown[], internal_chat_message_metadata_passthrough?: InternalChatMessageMetadataPassthrough, } | { "type": "web_search_call", encrypted_content?: string, id?: ResponseItemId, status?: string, action?: RawWebSearchAction, internal_chat_message_metadata_passthrough?: InternalChatMessageMetadataPassthrough, } | { "type": "image_generation_call", encrypted_content?: string, id?: ResponseItemId, status: string, revised_prompt?: string, result: string, internal_chat_message_metadata_passthrough?: InternalChatMessageMetadataPassthrough, } | { "type": "compaction", id?: ResponseItemId, encrypted_content: string, internal_chat_message_metadata_passthrough?: InternalChatMessageMetadataPassthrough, } | { "type": "configuration_update", reasoning: ConfigurationReasoning, } | { "type": "compaction_trigger", } | { "type": "context_compaction", id?: ResponseItemId, encrypted_content?: string, internal_chat_message_metadata_passthrough?: InternalChatMessageMetadataPassthrough, } | { "type": "other" };

export type ResponseItemId = string;

export type Settings = { model: string, reasoning_effort: ReasoningEffort | null, developer_instructions: string | null, };

export type RawWebSearchAction = { "type": "search", query?: string, queries?: Array<string>, } | { "type": "open_page", url?: string, } | { "type": "find_in_page", url?: string, pattern?: string, } | { "type": "other" };

export type ActivePermissionProfile = {
id: string,
extends: string | null, };

export type ApprovalsReviewer = "user" | "auto_review" | "guardian_subagent";

export type CapabilityRootLocation = { "type": "environment", environmentId: string,
path: string, };

export type DynamicToolFunctionSpec = { name: string, description: string, inputSchema: JsonValue, deferLoading?: boolean, };

export type DynamicToolNamespaceSpec = { name: string, description: string, tools: Array<DynamicToolNamespaceTool>, };

export type DynamicToolNamespaceTool = { "type": "function" } & DynamicToolFunctionSpec;

export type DynamicToolSpec = { "type": "function" } & DynamicToolFunctionSpec | { "type": "namespace" } & DynamicToolNamespaceSpec;

export type SelectedCapabilityRoot = {
id: string,
location: CapabilityRootLocation, };

export type SortDirection = "asc" | "desc";

export type ThreadBackgroundTerminalsCleanParams = { threadId: string, };

export type ThreadReadParams = { threadId: string,
includeTurns?: boolean, };

export type ThreadReadResponse = { thread: Thread,
readState: ThreadReadState | null, };

export type ThreadReadState = { firstUnread: ThreadUnreadPosition | null, revision: string, };

export type ThreadResumeInitialTurnsPageParams = {
limit?: number | null,
sortDirection?: SortDirection | null,
itemsView?: TurnItemsView | null, };

export type ThreadResumeParams = { threadId: string,
history?: Array<ResponseItem> | null,
path?: string | null,
model?: string | null, modelProvider?: string | null, serviceTier?: string | null | null, cwd?: string | null,
runtimeWorkspaceRoots?: Array<AbsolutePathBuf> | null, approvalPolicy?: AskForApproval | null,
approvalsReviewer?: ApprovalsReviewer | null, sandbox?: SandboxMode | null,
permissions?: string | null, config?: { [key in string]?: JsonValue } | null, baseInstructions?: string | null, developerInstructions?: string | null,
personality?: Personality | null,
excludeTurns?: boolean,
initialTurnsPage?: ThreadResumeInitialTurnsPageParams | null, };

export type ThreadResumeResponse = { thread: Thread, model: string, modelProvider: string, serviceTier: string | null,
disabledPluginIds: Array<string>, cwd: AbsolutePathBuf,
runtimeWorkspaceRoots: Array<AbsolutePathBuf>,
instructionSources: Array<LegacyAppPathString>, approvalPolicy: AskForApproval,
approvalsReviewer: ApprovalsReviewer,
sandbox: SandboxPolicy,
activePermissionProfile: ActivePermissionProfile | null, reasoningEffort: ReasoningEffort | null,
collaborationMode: CollaborationMode | null,
multiAgentMode: MultiAgentMode,
initialTurnsPage: TurnsPage | null,
turnsBackwardsCursor: string | null,
itemsBackwardsCursor: string | null, };

export type ThreadSetNameParams = { threadId: string, name: string, };

export type ThreadStartParams = { model?: string | null, modelProvider?: string | null,
allowProviderModelFallback?: boolean, serviceTier?: string | null | null, cwd?: string | null,
runtimeWorkspaceRoots?: Array<AbsolutePathBuf> | null, approvalPolicy?: AskForApproval | null,
approvalsReviewer?: ApprovalsReviewer | null, sandbox?: SandboxMode | null,
permissions?: string | null, config?: { [key in string]?: JsonValue } | null, serviceName?: string | null, baseInstructions?: string | null, developerInstructions?: string | null,
personality?: Personality | null,
multiAgentMode?: MultiAgentMode | null, ephemeral?: boolean | null,
historyMode?: ThreadHistoryMode | null, sessionStartSource?: ThreadStartSource | null,
threadSource?: ThreadSource | null,
projectId?: string | null,
daybreakEnabled?: boolean | null,
environments?: Array<TurnEnvironmentParams> | null, dynamicTools?: Array<DynamicToolSpec> | null,
selectedCapabilityRoots?: Array<SelectedCapabilityRoot> | null,
mockExperimentalField?: string | null,
experimentalRawEvents?: boolean, };

export type ThreadStartResponse = { thread: Thread, model: string, modelProvider: string, serviceTier: string | null,
disabledPluginIds: Array<string>, cwd: AbsolutePathBuf,
runtimeWorkspaceRoots: Array<AbsolutePathBuf>,
instructionSources: Array<LegacyAppPathString>, approvalPolicy: AskForApproval,
approvalsReviewer: ApprovalsReviewer,
sandbox: SandboxPolicy,
activePermissionProfile: ActivePermissionProfile | null, reasoningEffort: ReasoningEffort | null,
multiAgentMode: MultiAgentMode, };

export type ThreadStartSource = "startup" | "clear";

export type ThreadUnreadPosition = { "type": "threadStart" } | { "type": "turn", turnId: string, };

export type TurnEnvironmentParams = { environmentId: string, cwd: LegacyAppPathString,
runtimeWorkspaceRoots?: Array<LegacyAppPathString> | null, };

export type TurnsPage = { data: Array<Turn>, nextCursor: string | null, backwardsCursor: string | null, };
