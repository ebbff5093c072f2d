export type { CodexHome, CodexHomeOptions } from "./codex-home.ts";
export { codexConfigToml, createCodexHome } from "./codex-home.ts";
export type { Failure as ModelFailure, ModelStep, ToolStep } from "./model-step.ts";
export { FAILURES as MODEL_FAILURES } from "./model-step.ts";
export { parsePromptScript } from "./prompt-script.parser.ts";
export type { ModelRequest, ScriptedModel, ScriptedModelOptions, ScriptSource } from "./scripted-model.ts";
export { startScriptedModel } from "./scripted-model.ts";
