import type { Lease } from '@codex-bridge/bus'
import type { AppServerProcess, RpcPeerOptions } from '@codex-bridge/codex-client'
import type { LaneState } from '@codex-bridge/contracts'
import type { Logger } from '@codex-bridge/service-kit'
import type { Delta } from '../codex/delta-coalescer.ts'
import type { OriginatorReader } from '../threads/originator-reader.ts'
import type { LoaderOptions } from '../threads/thread-loader.ts'
import type { WatchdogLimits } from '../turns/turn-watchdog.ts'
import type { SessionStore } from './session-store.ts'

/** What a session is made of and how long it waits; whom it answers to is with the session itself. */
export type SessionSettings = {
  lane: LaneState
  lease: Lease
  record: SessionStore
  cwd: string
  logger: Logger
  host: string
  rpcTimeoutMs: number
  readinessRetryMs: number
  /** How threads are taken over. */
  threads: Pick<LoaderOptions, 'takeover' | 'holderOf' | 'assertAllowed'>
  originators: OriginatorReader
  watchdog: WatchdogLimits
  verificationTimeoutMs: number
  /** Starts an app-server whose messages go to the given handlers. */
  launch: (peer: Omit<RpcPeerOptions, 'readable' | 'writable'>) => Promise<AppServerProcess>
  publishDelta: (delta: Delta) => void
}
