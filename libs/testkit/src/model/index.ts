export type { CodexHomeOptions } from '../codex/codex-home.ts'
export { createCodexHome } from '../codex/codex-home.ts'
export type { Failure as ModelFailure } from './model-step.ts'
export { FAILURES as MODEL_FAILURES } from './model-step.ts'

export type { ScriptedModel } from './scripted-model.ts'
export { startScriptedModel } from './scripted-model.ts'
