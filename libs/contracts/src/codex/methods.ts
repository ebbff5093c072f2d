/** What of the contract needs Codex, by the method's name there: any one of `anyOf` can serve it. */
type Need = { anyOf: readonly string[]; serves: string }

const needs = (method: string, serves: string): [string, Need] => [method, { anyOf: [method], serves }]

/**
 * The app-server methods behind the contract. A home whose codex lacks one can serve everything but what stands beside it.
 * Rollback has had two names, one after the other; either will do.
 */
export const CODEX_NEEDS: Readonly<Record<string, Need>> = Object.fromEntries([
  needs('thread/start', 'starting threads, also for new lanes'),
  needs('thread/resume', 'taking threads over and recovering sessions'),
  needs('thread/read', 'reading threads, attaching and syncing lanes'),
  needs('thread/list', 'listing threads'),
  needs('thread/loaded/list', 'listing loaded threads'),
  needs('thread/fork', 'forking threads'),
  needs('thread/archive', 'archiving threads'),
  needs('thread/unarchive', 'bringing archived threads back'),
  ['thread/rollback', { anyOf: ['thread/revert', 'thread/rollback'], serves: 'rolling threads back' }],
  needs('thread/turns/list', 'counting the turns of a rollback'),
  needs('thread/compact/start', 'compacting threads'),
  needs('thread/name/set', 'titles, and keeping new threads that have no turn'),
  needs('thread/backgroundTerminals/clean', 'ending commands that an interrupted turn left running'),
  needs('turn/start', 'prompts'),
  needs('turn/steer', 'steering'),
  needs('turn/interrupt', 'interrupting'),
  needs('command/exec', 'verification commands'),
  needs('account/read', 'telling whether somebody is logged in'),
  needs('app/list', 'listing apps'),
  needs('skills/list', 'listing skills'),
  needs('model/list', 'listing models'),
])

/** The methods of the contract that a codex with these methods cannot serve, in the contract's names. */
export const missingMethodsOf = (known: ReadonlySet<string>): string[] =>
  Object.entries(CODEX_NEEDS).flatMap(([method, { anyOf }]) => (anyOf.some((name) => known.has(name)) ? [] : method))
