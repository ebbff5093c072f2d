// Generated from the pinned codex binary by generate-types.mjs. Do not edit.

import type { ThreadItem } from './items.ts';
import type { ThreadTokenUsage, Turn, TurnError } from './turns.ts';

export type RequestId = string | number;

export type ErrorNotification = { error: TurnError, willRetry: boolean, threadId: string, turnId: string, };

export type ItemCompletedNotification = { item: ThreadItem, threadId: string, turnId: string,
contentTokenCount?: number | null,
completedAtMs: number, };

export type ItemStartedNotification = { item: ThreadItem, threadId: string, turnId: string,
startedAtMs: number, };

export type ServerRequestResolvedNotification = { threadId: string, requestId: RequestId, };

export type ThreadTokenUsageUpdatedNotification = { threadId: string, turnId: string, tokenUsage: ThreadTokenUsage, };

export type TurnCompletedNotification = { threadId: string, turn: Turn, };

export type TurnStartedNotification = { threadId: string, turn: Turn, };
