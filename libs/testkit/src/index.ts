export { findExecutable, freePort } from '@codex-bridge/platform'
export { type EventSample, eventSamples, sampleEvent } from './builders/event-samples.ts'
export { approvalsState, BUILT_AT, laneState, liveSession, openRequest, sessionState } from './builders/states.ts'
export { codexUnderTest } from './codex/codex-under-test.ts'
export { TestRepository } from './files/git-repository.ts'
export { createTempDir, type TempDir } from './files/temp-dir.ts'
export { documented, documentedApi } from './http/documented-api.ts'
export { type ApiClient, type ApiResponse, api, clientFrom, type RawRequest } from './http/http-client.ts'
export { type RawSocketOptions, rawSocket } from './http/raw-socket.ts'
export * from './model/index.ts'
export {
  ManagedProcess,
  type ManagedProcessOptions,
  type ProcessExit,
  spawnProcess,
  startProcess,
} from './processes/managed-process.ts'
export {
  canListProcesses,
  findAppServers,
  findProcesses,
  isAlive,
  isStopped,
  listProcesses,
  type ProcessInfo,
  readEnvironment,
} from './processes/process-list.ts'
export { seededRandom } from './seeded-random.ts'
export { type NatsInfo, type NatsOptions, type NatsServer, readNatsInfo, startNats } from './servers/nats-server.ts'
export { type RedisOptions, type RedisServer, startRedis } from './servers/redis-server.ts'
export type { ServerControl } from './servers/server-control.ts'
export {
  connectSse,
  SseClient,
  type SseEvent,
  type SseOptions,
  type SseState,
} from './sse/sse-client.ts'
export { SseRefusal } from './sse/sse-connection.ts'
export { reportSequence, type SequenceReport } from './sse/sse-sequence.ts'
export { type Settled, type WaitForOptions, waitFor } from './wait-for.ts'
export type { ReceivedRequest, WebhookBehaviour, WebhookScript } from './webhooks/webhook-behaviour.ts'
export * as answer from './webhooks/webhook-behaviour.ts'
export { startWebhookReceiver, WebhookReceiver, type WebhookReceiverOptions } from './webhooks/webhook-receiver.ts'
