export { codexUnderTest } from './codex-under-test.ts'
export { findExecutable } from './executable.ts'
export { freePort } from './free-port.ts'
export { TestRepository } from './git.repository.ts'
export { type ApiClient, type ApiResponse, api, type RawRequest } from './http.client.ts'
export {
  ManagedProcess,
  type ManagedProcessOptions,
  type ProcessExit,
  spawnProcess,
  startProcess,
} from './managed-process.ts'
export * from './model/index.ts'
export { type NatsInfo, type NatsOptions, type NatsServer, readNatsInfo, startNats } from './nats.server.ts'
export {
  canListProcesses,
  findAppServers,
  findProcesses,
  isAlive,
  isStopped,
  listProcesses,
  type ProcessInfo,
  readEnvironment,
} from './processes.ts'
export { type RawSocketOptions, rawSocket } from './raw.socket.ts'
export { type RedisOptions, type RedisServer, startRedis } from './redis.server.ts'
export type { ServerControl } from './server.control.ts'
export {
  connectSse,
  SseClient,
  type SseEvent,
  type SseOptions,
  type SseState,
} from './sse.client.ts'
export { SseRefusal } from './sse.connection.ts'
export { reportSequence, type SequenceReport } from './sse.sequence.ts'
export { createTempDir, type TempDir } from './temp-dir.ts'
export { type Settled, type WaitForOptions, waitFor } from './wait-for.ts'
export type { ReceivedRequest, WebhookBehaviour, WebhookScript } from './webhook.behaviour.ts'
export * as answer from './webhook.behaviour.ts'
export { startWebhookReceiver, WebhookReceiver, type WebhookReceiverOptions } from './webhook.receiver.ts'
