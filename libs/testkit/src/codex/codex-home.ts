import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export type CodexHomeOptions = {
  /** The model endpoint, e.g. `ScriptedModel.baseUrl`. */
  baseUrl: string
  /** Folder to use, created if missing. Default: a new temporary folder. */
  dir?: string
  /** Default `gpt-5.5`: a known model with plain function tools. */
  model?: string
  /** Default `on-request`. */
  approvalPolicy?: 'untrusted' | 'on-request' | 'never'
  /** Default `read-only`. */
  sandboxMode?: 'read-only' | 'workspace-write' | 'danger-full-access'
  /** Added to the features, e.g. `{ default_mode_request_user_input: true }`. */
  features?: Readonly<Record<string, boolean>>
  /** TOML added at the end, e.g. `[mcp_servers.x]` tables. */
  extraToml?: string
}

export type CodexHome = {
  /** For CODEX_HOME. */
  readonly path: string
  /**
   * Environment for a codex in this home: CODEX_HOME, and HOME as well. codex runs commands through a login shell, and the profile of
   * whoever runs the tests may be slow, print noise, or wait for locks that a killed shell has left behind.
   */
  readonly env: Readonly<{ CODEX_HOME: string; HOME: string }>
  /** Removes the folder. Stop every codex that uses it first. */
  cleanup(): Promise<void>
}

/**
 * Creates a CODEX_HOME of mode 0700 with one model provider, without login and without retries: a failing endpoint, even one that
 * refuses connections, fails the turn at once.
 */
export const createCodexHome = async (options: CodexHomeOptions): Promise<CodexHome> => {
  const path = options.dir ?? (await mkdtemp(join(tmpdir(), 'codex-home-')))
  await mkdir(path, { recursive: true, mode: 0o700 })
  await chmod(path, 0o700)
  await writeFile(join(path, 'config.toml'), codexConfigToml(options), { mode: 0o600 })
  return {
    path,
    env: { CODEX_HOME: path, HOME: path },
    // A codex that has just exited may leave a file behind while the tree is being removed.
    cleanup: () => rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }),
  }
}

/** The `config.toml` of {@link createCodexHome}. */
const codexConfigToml = (options: CodexHomeOptions): string => {
  const features = { unbounded_connection_retries: false, ...options.features }
  return `model = ${quote(options.model ?? 'gpt-5.5')}
model_provider = "scripted"
approval_policy = ${quote(options.approvalPolicy ?? 'on-request')}
sandbox_mode = ${quote(options.sandboxMode ?? 'read-only')}
check_for_update_on_startup = false

[model_providers.scripted]
name = "scripted"
base_url = ${quote(options.baseUrl)}
wire_api = "responses"
request_max_retries = 0
stream_max_retries = 0

[analytics]
enabled = false

[features]
${Object.entries(features)
  .map(([name, on]) => `${name} = ${on}`)
  .join('\n')}
${options.extraToml ? `\n${options.extraToml}\n` : ''}`
}

/** A TOML basic string; JSON's escapes are a subset of TOML's. */
const quote = (text: string): string => JSON.stringify(text)
