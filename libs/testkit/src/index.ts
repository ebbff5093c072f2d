export { findExecutable, freePort } from '@codex-bridge/platform'
export { eventSamples, sampleEvent } from './builders/event-samples.ts'
export { approvalsState, BUILT_AT, laneState, liveSession, openRequest, sessionState } from './builders/states.ts'
export { codexUnderTest } from './codex/codex-under-test.ts'
export { TestRepository } from './files/git-repository.ts'
export { createTempDir, type TempDir } from './files/temp-dir.ts'
export { documented, documentedApi } from './http/documented-api.ts'
export { type ApiClient, type ApiResponse, api, clientFrom, type RawRequest } from './http/http-client.ts'
export { rawSocket } from './http/raw-socket.ts'
export * from './model/index.ts'
export {
  ManagedProcess,
  spawnProcess,
  startProcess,
} from './processes/managed-process.ts'
export {
  findAppServers,
  findProcesses,
  listProcesses,
  type ProcessInfo,
  readEnvironment,
} from './processes/process-list.ts'
export { seededRandom } from './seeded-random.ts'
export { type NatsOptions, type NatsServer, startNats } from './servers/nats-server.ts'
export { type RedisServer, startRedis } from './servers/redis-server.ts'

export {
  connectSse,
  SseClient,
  type SseEvent,
} from './sse/sse-client.ts'
export { SseRefusal } from './sse/sse-connection.ts'

export { waitFor } from './wait-for.ts'
export type { ReceivedRequest, WebhookBehaviour } from './webhooks/webhook-behaviour.ts'
export * as answer from './webhooks/webhook-behaviour.ts'
export { startWebhookReceiver, WebhookReceiver } from './webhooks/webhook-receiver.ts'
