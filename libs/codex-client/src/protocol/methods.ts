import type {
  CollaborationModeListParams,
  CollaborationModeListResponse,
  CommandExecParams,
  CommandExecResponse,
  CommandExecTerminateParams,
  CommandExecTerminateResponse,
  GetAccountParams,
  GetAccountRateLimitsResponse,
  GetAccountResponse,
  GetAuthStatusParams,
  GetAuthStatusResponse,
  InitializeParams,
  InitializeResponse,
  ModelListParams,
  ModelListResponse,
  ReviewStartParams,
  ReviewStartResponse,
  ThreadArchiveParams,
  ThreadArchiveResponse,
  ThreadBackgroundTerminalsCleanParams,
  ThreadBackgroundTerminalsCleanResponse,
  ThreadBackgroundTerminalsListParams,
  ThreadBackgroundTerminalsListResponse,
  ThreadCompactStartParams,
  ThreadCompactStartResponse,
  ThreadDeleteParams,
  ThreadDeleteResponse,
  ThreadForkParams,
  ThreadForkResponse,
  ThreadItemsListParams,
  ThreadItemsListResponse,
  ThreadListParams,
  ThreadListResponse,
  ThreadLoadedListParams,
  ThreadLoadedListResponse,
  ThreadMetadataUpdateParams,
  ThreadMetadataUpdateResponse,
  ThreadQueueAddParams,
  ThreadQueueAddResponse,
  ThreadQueueListParams,
  ThreadQueueListResponse,
  ThreadReadParams,
  ThreadReadResponse,
  ThreadResumeParams,
  ThreadResumeResponse,
  ThreadRevertParams,
  ThreadRevertResponse,
  ThreadSearchParams,
  ThreadSearchResponse,
  ThreadSetNameParams,
  ThreadSetNameResponse,
  ThreadStartParams,
  ThreadStartResponse,
  ThreadTurnsListParams,
  ThreadTurnsListResponse,
  ThreadUnarchiveParams,
  ThreadUnarchiveResponse,
  ThreadUnsubscribeParams,
  ThreadUnsubscribeResponse,
  TurnInterruptParams,
  TurnInterruptResponse,
  TurnStartParams,
  TurnStartResponse,
  TurnSteerParams,
  TurnSteerResponse,
} from '../generated/index.ts'

interface Method<Params, Result> {
  params: Params
  result: Result
}

/** The app-server requests the bridge makes, with the shapes of the pinned version. Everything else goes through `RpcPeer.request`. */
export interface CodexMethods {
  initialize: Method<InitializeParams, InitializeResponse>

  'thread/start': Method<ThreadStartParams, ThreadStartResponse>
  'thread/resume': Method<ThreadResumeParams, ThreadResumeResponse>
  'thread/fork': Method<ThreadForkParams, ThreadForkResponse>
  'thread/read': Method<ThreadReadParams, ThreadReadResponse>
  'thread/list': Method<ThreadListParams, ThreadListResponse>
  'thread/loaded/list': Method<ThreadLoadedListParams, ThreadLoadedListResponse>
  'thread/search': Method<ThreadSearchParams, ThreadSearchResponse>
  'thread/turns/list': Method<ThreadTurnsListParams, ThreadTurnsListResponse>
  'thread/items/list': Method<ThreadItemsListParams, ThreadItemsListResponse>
  'thread/archive': Method<ThreadArchiveParams, ThreadArchiveResponse>
  'thread/unarchive': Method<ThreadUnarchiveParams, ThreadUnarchiveResponse>
  'thread/delete': Method<ThreadDeleteParams, ThreadDeleteResponse>
  'thread/unsubscribe': Method<ThreadUnsubscribeParams, ThreadUnsubscribeResponse>
  'thread/revert': Method<ThreadRevertParams, ThreadRevertResponse>
  'thread/compact/start': Method<ThreadCompactStartParams, ThreadCompactStartResponse>
  'thread/name/set': Method<ThreadSetNameParams, ThreadSetNameResponse>
  'thread/metadata/update': Method<ThreadMetadataUpdateParams, ThreadMetadataUpdateResponse>
  'thread/queue/add': Method<ThreadQueueAddParams, ThreadQueueAddResponse>
  'thread/queue/list': Method<ThreadQueueListParams, ThreadQueueListResponse>
  'thread/backgroundTerminals/clean': Method<ThreadBackgroundTerminalsCleanParams, ThreadBackgroundTerminalsCleanResponse>
  'thread/backgroundTerminals/list': Method<ThreadBackgroundTerminalsListParams, ThreadBackgroundTerminalsListResponse>

  'turn/start': Method<TurnStartParams, TurnStartResponse>
  'turn/steer': Method<TurnSteerParams, TurnSteerResponse>
  'turn/interrupt': Method<TurnInterruptParams, TurnInterruptResponse>
  'review/start': Method<ReviewStartParams, ReviewStartResponse>

  'command/exec': Method<CommandExecParams, CommandExecResponse>
  'command/exec/terminate': Method<CommandExecTerminateParams, CommandExecTerminateResponse>

  'model/list': Method<ModelListParams, ModelListResponse>
  'collaborationMode/list': Method<CollaborationModeListParams, CollaborationModeListResponse>
  'account/read': Method<GetAccountParams, GetAccountResponse>
  'account/rateLimits/read': Method<Record<string, never>, GetAccountRateLimitsResponse>
  getAuthStatus: Method<GetAuthStatusParams, GetAuthStatusResponse>
}

export type CodexMethod = keyof CodexMethods
export type CodexParams<M extends CodexMethod> = CodexMethods[M]['params']
export type CodexResult<M extends CodexMethod> = CodexMethods[M]['result']
