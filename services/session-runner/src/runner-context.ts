import type { Bus, EventLog, LeaseTable } from '@codex-bridge/bus'
import type { Logger } from '@codex-bridge/service-kit'
import type { AppServerLauncher } from './codex/app-server-launcher.ts'
import type { RunnerConfig } from './config.ts'
import type { ProcessScanner } from './host/process-scanner.ts'
import type { OriginatorReader } from './threads/originator-reader.ts'
import type { WorkspacePolicy } from './workspace/workspace-policy.ts'

/** What one runner has, shared by everything it does. */
export type RunnerContext = {
  readonly runnerId: string
  readonly config: RunnerConfig
  readonly bus: Bus
  readonly log: EventLog
  readonly leases: LeaseTable
  readonly launcher: AppServerLauncher
  readonly scanner: ProcessScanner
  readonly originators: OriginatorReader
  readonly workspaces: WorkspacePolicy
  readonly logger: Logger
}
