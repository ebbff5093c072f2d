import type { ThreadItem } from '@codex-bridge/codex-client'
import type { CommandRecord, StatusReason } from '@codex-bridge/contracts'

/** Why the bridge ends a turn, and by which command. `failure` makes a failed turn of what Codex reports as interrupted. */
export type Ending = { cause: string; record?: CommandRecord | undefined; failure?: StatusReason | null }

/** What is known of a session's turns beyond the stored state. */
export class TurnProgress {
  /** Items under way of all threads, by id: the request to approve a file change does not contain the changes. */
  readonly items = new Map<string, { threadId: string; item: ThreadItem }>()
  /** Last agent message of the lane's current or last turn. */
  finalMessage: string | null = null
  /** Token usage as last reported. */
  usage: unknown = null
  /** Set while the bridge ends the lane's turn or its verification. */
  ending: Ending | undefined
}
