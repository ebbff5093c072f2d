import type {
  AccountRateLimitsUpdatedNotification,
  AgentMessageDeltaNotification,
  CommandExecOutputDeltaNotification,
  CommandExecutionOutputDeltaNotification,
  ConfigWarningNotification,
  ErrorNotification,
  ItemCompletedNotification,
  ItemStartedNotification,
  ServerRequestResolvedNotification,
  ThreadArchivedNotification,
  ThreadClosedNotification,
  ThreadNameUpdatedNotification,
  ThreadRevertedNotification,
  ThreadStartedNotification,
  ThreadStatusChangedNotification,
  ThreadTokenUsageUpdatedNotification,
  TurnCompletedNotification,
  TurnDiffUpdatedNotification,
  TurnPlanUpdatedNotification,
  TurnStartedNotification,
  WarningNotification,
} from '../generated/index.ts'

/** The notifications the bridge reads, with the shapes of the pinned version. Others are forwarded unread. */
export interface CodexNotifications {
  'account/rateLimits/updated': AccountRateLimitsUpdatedNotification
  'command/exec/outputDelta': CommandExecOutputDeltaNotification
  configWarning: ConfigWarningNotification
  error: ErrorNotification
  'item/agentMessage/delta': AgentMessageDeltaNotification
  'item/commandExecution/outputDelta': CommandExecutionOutputDeltaNotification
  'item/completed': ItemCompletedNotification
  'item/started': ItemStartedNotification
  'serverRequest/resolved': ServerRequestResolvedNotification
  'thread/archived': ThreadArchivedNotification
  'thread/closed': ThreadClosedNotification
  'thread/name/updated': ThreadNameUpdatedNotification
  'thread/reverted': ThreadRevertedNotification
  'thread/started': ThreadStartedNotification
  'thread/status/changed': ThreadStatusChangedNotification
  'thread/tokenUsage/updated': ThreadTokenUsageUpdatedNotification
  'turn/completed': TurnCompletedNotification
  'turn/diff/updated': TurnDiffUpdatedNotification
  'turn/plan/updated': TurnPlanUpdatedNotification
  'turn/started': TurnStartedNotification
  warning: WarningNotification
}

export type CodexNotification = keyof CodexNotifications

/** `delta`: a piece of a stream whose whole arrives later in another message, safe to lose. `event`: everything else. */
export type NotificationKind = 'delta' | 'event'

/**
 * Kind of a server notification, by its name: the last segment is `delta` or ends in `Delta` (`item/agentMessage/delta`,
 * `command/exec/outputDelta`, …). By rule and not by list, so that deltas of later versions are recognised too.
 */
export function notificationKind(method: string): NotificationKind {
  const last = method.slice(method.lastIndexOf('/') + 1)
  return last === 'delta' || last.endsWith('Delta') ? 'delta' : 'event'
}

/** True when a notification is of this known method; narrows its params. The shape itself is the server's word, not checked. */
export function isNotification<N extends CodexNotification>(
  name: N,
  message: { method: string; params: unknown },
): message is { method: N; params: CodexNotifications[N] } {
  return message.method === name
}
