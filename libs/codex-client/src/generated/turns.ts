// Generated from the pinned codex binary by generate-types.mjs. Do not edit.

import type { ThreadItem } from './items.ts';

export type CodexErrorInfo = "contextWindowExceeded" | "sessionBudgetExceeded" | "usageLimitExceeded" | "rateLimitExceeded" | "flexUnavailable" | "serverOverloaded" | "modelNotFound" | "policyCapacityUnavailable" | "inferenceHookDenied" | "cyberPolicy" | "misalignmentPolicyViolation" | "tooManyDenials" | { "httpConnectionFailed": { httpStatusCode: number | null, } } | { "responseStreamConnectionFailed": { httpStatusCode: number | null, } } | "internalServerError" | "unauthorized" | "badRequest" | "threadRollbackFailed" | "sandboxError" | { "responseStreamDisconnected": { httpStatusCode: number | null, } } | { "responseTooManyFailedAttempts": { httpStatusCode: number | null, } } | { "activeTurnNotSteerable": { turnKind: NonSteerableTurnKind, } } | "other" | string | { [key: string]: unknown };

export type MisalignmentErrorDetails = {
errorType: string | null,
detailedExplanation: string | null,
steer: MisalignmentSteer | null,
reviewTarget?: string | null, };

export type MisalignmentSteer = { message: string, };

export type NonSteerableTurnKind = "review" | "compact";

export type ThreadTokenUsage = { total: TokenUsageBreakdown, last: TokenUsageBreakdown, modelContextWindow: number | null, };

export type TokenUsageBreakdown = { totalTokens: number, inputTokens: number, cachedInputTokens: number, cacheWriteInputTokens: number, outputTokens: number, reasoningOutputTokens: number, };

export type Turn = {
id: string,
rootTurnId: string | null,
items: Array<ThreadItem>,
itemsView: TurnItemsView, status: TurnStatus,
error: TurnError | null,
startedAt: number | null,
completedAt: number | null,
durationMs: number | null, };

export type TurnError = { message: string, codexErrorInfo: CodexErrorInfo | null, additionalDetails: string | null,
misalignment: MisalignmentErrorDetails | null, };

export type TurnItemsView = "notLoaded" | "summary" | "full";

export type TurnStatus = "completed" | "interrupted" | "failed" | "inProgress";
