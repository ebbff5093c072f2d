import type {
  ErrorNotification,
  ItemStartedNotification,
  ServerRequestResolvedNotification,
  ThreadTokenUsageUpdatedNotification,
  TurnCompletedNotification,
} from '../generated/notifications.ts'
import type { Turn } from '../generated/turns.ts'
import { isObject, isText, type JsonObject, type Relied } from './json-shape.ts'

/** What the bridge reads of a turn. Versions differ in everything but the id. */
export type CodexTurn = Relied<Turn, 'id', 'status' | 'items' | 'error' | 'durationMs'>

/** What the bridge reads of notifications, by method. All others are forwarded unread. */
export type CodexNotifications = {
  error: Relied<ErrorNotification, 'threadId', 'willRetry'>
  'item/started': Relied<ItemStartedNotification, 'threadId' | 'item'>
  'item/completed': Relied<ItemStartedNotification, 'threadId' | 'item'>
  'serverRequest/resolved': Relied<ServerRequestResolvedNotification, 'threadId' | 'requestId'>
  'thread/tokenUsage/updated': Relied<ThreadTokenUsageUpdatedNotification, 'threadId' | 'tokenUsage'>
  'turn/started': Relied<TurnCompletedNotification, 'threadId'> & { turn: CodexTurn }
  'turn/completed': Relied<TurnCompletedNotification, 'threadId'> & { turn: CodexTurn }
}

type CodexNotificationMethod = keyof CodexNotifications
export type CodexNotification = { [M in CodexNotificationMethod]: { method: M; params: CodexNotifications[M] } }[CodexNotificationMethod]

const hasItem = ({ item }: JsonObject): boolean => isObject(item) && isText(item['id']) && isText(item['type'])
const hasTurn = ({ turn }: JsonObject): boolean => isObject(turn) && isText(turn['id'])

/** By method, whether the fields are there without which a notification means nothing. `threadId` is checked for all. */
const SHAPES: { readonly [M in CodexNotificationMethod]: (params: JsonObject) => boolean } = {
  error: () => true,
  'item/started': hasItem,
  'item/completed': hasItem,
  'serverRequest/resolved': ({ requestId }) => isText(requestId) || typeof requestId === 'number',
  'thread/tokenUsage/updated': ({ tokenUsage }) => isObject(tokenUsage),
  'turn/started': hasTurn,
  'turn/completed': hasTurn,
}

/**
 * Reads a notification.
 * @returns undefined for a method the bridge does not read, and for one that lacks what the bridge reads
 */
export const readNotification = (method: string, params: unknown): CodexNotification | undefined => {
  if (!(isRead(method) && isObject(params) && isText(params['threadId']) && SHAPES[method](params))) return
  // The shape was checked; the compiler cannot pair a method with its parameters.
  return { method, params } as unknown as CodexNotification
}

const isRead = (method: string): method is CodexNotificationMethod => Object.hasOwn(SHAPES, method)

/** `delta`: a piece of a stream whose whole arrives later in another message, safe to lose. `event`: everything else. */
export type NotificationKind = 'delta' | 'event'

/**
 * Kind of a notification, by its name: the last segment is `delta` or ends in `Delta` (`item/agentMessage/delta`,
 * `command/exec/outputDelta`, …). A rule instead of a list, so that deltas of later versions are recognised too.
 */
export const notificationKind = (method: string): NotificationKind => {
  const last = method.slice(method.lastIndexOf('/') + 1)
  return last === 'delta' || last.endsWith('Delta') ? 'delta' : 'event'
}
