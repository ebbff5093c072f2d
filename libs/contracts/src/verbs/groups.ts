import { Approvals } from './approvals.ts'
import { Registry } from './registry.ts'
import { Codex, Runners } from './runners.ts'
import { Sessions } from './sessions.ts'
import type { VerbGroup } from './verb.ts'
import { Webhooks } from './webhooks.ts'

/** The verbs of every service, for documents and tests. */
export const VERB_GROUPS: readonly VerbGroup[] = [Registry, Sessions, Runners, Codex, Approvals, Webhooks]
