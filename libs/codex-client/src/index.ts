export { AppServerStartError } from './app-server/app-server-errors.ts'
export type { AppServerExit, AppServerOptions } from './app-server/app-server-process.ts'
export { AppServerProcess, parseUserAgentVersion } from './app-server/app-server-process.ts'
export { appServerArgs, appServerEnv, childEnv } from './app-server/launch.ts'
export { findMarkedProcesses, PROCESS_MARK_VARIABLE, reapMarkedProcesses } from './app-server/marked-process-reaper.ts'
export type { ProcessIdentity } from './app-server/process-identity.ts'
export { isAlive, killGroup, readProcessIdentity, readStartTimeTicks } from './app-server/process-identity.ts'
export { StderrTail, stripAnsi } from './app-server/stderr-tail.ts'
export type { CodexBinary, ResolveCodexBinaryOptions } from './binary/binary-resolver.ts'
export { CodexBinaryNotFoundError, readCodexVersion, resolveCodexBinary } from './binary/binary-resolver.ts'
export type { BoundedCommand, CommandEnd } from './binary/bounded-command.ts'
export { runBounded } from './binary/bounded-command.ts'
export { parseMethodList, readMethods } from './binary/method-list-reader.ts'
export type {
  AccountRateLimitsUpdatedNotification,
  AgentMessageDeltaNotification,
  AskForApproval,
  ClientInfo,
  CodexErrorInfo,
  CollaborationModeListParams,
  CollaborationModeListResponse,
  CommandExecOutputDeltaNotification,
  CommandExecParams,
  CommandExecResponse,
  CommandExecTerminateParams,
  CommandExecTerminateResponse,
  CommandExecutionApprovalDecision,
  CommandExecutionOutputDeltaNotification,
  CommandExecutionRequestApprovalParams,
  CommandExecutionRequestApprovalResponse,
  ConfigWarningNotification,
  DynamicToolCallParams,
  DynamicToolCallResponse,
  ErrorNotification,
  FileChangeApprovalDecision,
  FileChangeRequestApprovalParams,
  FileChangeRequestApprovalResponse,
  FileUpdateChange,
  GetAccountParams,
  GetAccountRateLimitsResponse,
  GetAccountResponse,
  GetAuthStatusParams,
  GetAuthStatusResponse,
  InitializeCapabilities,
  InitializeParams,
  InitializeResponse,
  ItemCompletedNotification,
  ItemStartedNotification,
  JsonValue,
  McpServerElicitationRequestParams,
  McpServerElicitationRequestResponse,
  ModelListParams,
  ModelListResponse,
  PermissionsRequestApprovalParams,
  PermissionsRequestApprovalResponse,
  RequestId,
  ReviewStartParams,
  ReviewStartResponse,
  SandboxMode,
  SandboxPolicy,
  ServerRequestResolvedNotification,
  Thread,
  ThreadArchivedNotification,
  ThreadArchiveParams,
  ThreadArchiveResponse,
  ThreadBackgroundTerminalsCleanParams,
  ThreadBackgroundTerminalsCleanResponse,
  ThreadBackgroundTerminalsListParams,
  ThreadBackgroundTerminalsListResponse,
  ThreadClosedNotification,
  ThreadCompactStartParams,
  ThreadCompactStartResponse,
  ThreadDeleteParams,
  ThreadDeleteResponse,
  ThreadForkParams,
  ThreadForkResponse,
  ThreadItem,
  ThreadItemsListParams,
  ThreadItemsListResponse,
  ThreadListParams,
  ThreadListResponse,
  ThreadLoadedListParams,
  ThreadLoadedListResponse,
  ThreadMetadataUpdateParams,
  ThreadMetadataUpdateResponse,
  ThreadNameUpdatedNotification,
  ThreadQueueAddParams,
  ThreadQueueAddResponse,
  ThreadQueueListParams,
  ThreadQueueListResponse,
  ThreadReadParams,
  ThreadReadResponse,
  ThreadResumeParams,
  ThreadResumeResponse,
  ThreadRevertedNotification,
  ThreadRevertParams,
  ThreadRevertResponse,
  ThreadSearchParams,
  ThreadSearchResponse,
  ThreadSetNameParams,
  ThreadSetNameResponse,
  ThreadStartedNotification,
  ThreadStartParams,
  ThreadStartResponse,
  ThreadStatus,
  ThreadStatusChangedNotification,
  ThreadTokenUsage,
  ThreadTokenUsageUpdatedNotification,
  ThreadTurnsListParams,
  ThreadTurnsListResponse,
  ThreadUnarchiveParams,
  ThreadUnarchiveResponse,
  ThreadUnsubscribeParams,
  ThreadUnsubscribeResponse,
  ToolRequestUserInputParams,
  ToolRequestUserInputResponse,
  Turn,
  TurnCompletedNotification,
  TurnDiffUpdatedNotification,
  TurnError,
  TurnInterruptParams,
  TurnInterruptResponse,
  TurnPlanUpdatedNotification,
  TurnStartedNotification,
  TurnStartParams,
  TurnStartResponse,
  TurnStatus,
  TurnSteerParams,
  TurnSteerResponse,
  UserInput,
  WarningNotification,
} from './generated/index.ts'
export { CLIENT_REQUEST_METHODS, SERVER_NOTIFICATION_METHODS, SERVER_REQUEST_METHODS } from './generated/methods.ts'
export { CODEX_PROTOCOL_VERSION } from './generated/version.ts'
export type { ApprovalMethod, ApprovalMethods } from './protocol/approvals.ts'
export { isApprovalMethod } from './protocol/approvals.ts'
export type { CodexMethod, CodexMethods, CodexParams, CodexResult } from './protocol/methods.ts'
export type { CodexNotification, CodexNotifications, NotificationKind } from './protocol/notifications.ts'
export { isNotification, notificationKind } from './protocol/notifications.ts'
export type { ResumeErrorKind } from './protocol/resume-error.ts'
export { classifyResumeError, isUnknownMethod } from './protocol/resume-error.ts'
export type { JsonLineDecoderOptions, LineError } from './rpc/json-lines.ts'
export { DEFAULT_MAX_LINE_BYTES, encodeJsonLine, JsonLineDecoder } from './rpc/json-lines.ts'
export type { RequestOptions } from './rpc/rpc-calls.ts'
export {
  RPC_INTERNAL_ERROR,
  RPC_METHOD_NOT_FOUND,
  RPC_OVERLOADED,
  RpcClosedError,
  RpcError,
  RpcTimeoutError,
} from './rpc/rpc-errors.ts'
export { DEFAULT_MAX_IN_FLIGHT, DEFAULT_REQUEST_TIMEOUT_MS, RpcPeer } from './rpc/rpc-peer.ts'
export type {
  NotificationHandler,
  ProtocolError,
  RpcPeerOptions,
  RpcPeerStats,
  ServerRequestHandler,
  ServerRequestId,
  ServerRequestMessage,
} from './rpc/rpc-peer-options.ts'
