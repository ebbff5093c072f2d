import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { resolveCodexBinary } from '@codex-bridge/codex-client'
import { type RunningBridge, startBridge } from '@codex-bridge/local'
import { createCodexHome, createTempDir, startProcess } from '@codex-bridge/testkit'
import { BareClient } from '../baselines/bare-client.ts'
import { ownEnvironment } from './bench-plan.ts'
import { BridgeClient } from './bridge-client.ts'
import type { Teardown } from './teardown.ts'

/** Everything the measurements share. Both sides talk to one scripted model in a process of its own. */
export type Stage = {
  root: string
  bridge: RunningBridge
  modelUrl: string
  /** CODEX_HOME of the bridge. */
  bridgeHome: string
  /** A scratch folder that is removed at the end. */
  scratch: string
  /** Working folder of every lane and of every bare client. */
  workspace: string
  /** A bare client in a home that is like the bridge's; ended with the stage. */
  startBare(onNotification?: Parameters<typeof BareClient.start>[0]['onNotification']): Promise<BareClient>
  /** A client of the bridge whose stream carries the events of these lanes; closed with the stage. */
  connect(laneIds: readonly string[]): Promise<BridgeClient>
  /** Ends the bridge early, for measurements that want the machine for themselves. */
  stopBridge(): Promise<void>
}

export type StageOptions = { root: string; teardown: Teardown; signal: AbortSignal; say: (line: string) => void }

const startModel = async (root: string, teardown: Teardown): Promise<string> => {
  const model = await startProcess({
    name: 'scripted model',
    command: process.execPath,
    args: [join(root, 'libs/testkit/dist/model/scripted-model-main.js')],
    env: { PORT: '0', MODEL_PACE_MS: '0', MODEL_EXIT_ON_STDIN_CLOSE: '1' },
    stdin: 'pipe',
    readyWhen: (output) => output.includes('"baseUrl"'),
  })
  teardown.add('scripted model', () => model.stop())
  return (JSON.parse(model.output().split('\n')[0] ?? '') as { baseUrl: string }).baseUrl
}

/** Starts the bridge, the model and the homes; what was started is in `teardown` at once. */
export const openStage = async ({ root, teardown, signal, say }: StageOptions): Promise<Stage> => {
  const folder = createTempDir('codex-bridge-bench-')
  teardown.add('scratch folder', () => folder.cleanup())
  const inScratch = (name: string): string => join(folder.path, name)
  const workspace = inScratch('workspace')
  mkdirSync(workspace)
  const modelUrl = await startModel(root, teardown)
  const [bridgeHome, bareHome] = await Promise.all(
    ['bridge-home', 'bare-home'].map((name) => createCodexHome({ dir: inScratch(name), baseUrl: modelUrl })),
  )
  const codexHome = String(bridgeHome?.path)
  const bridge = await startBridge({ dataDir: inScratch('data'), env: ownEnvironment(process.env), codexHome, say, signal })
  let stopping: Promise<void> | undefined
  const stopBridge = (): Promise<void> => {
    stopping ??= bridge.stop(signal.aborted)
    return stopping
  }
  teardown.add('bridge', stopBridge)
  const { path: binary } = resolveCodexBinary()
  return {
    root,
    bridge,
    modelUrl,
    bridgeHome: codexHome,
    scratch: folder.path,
    workspace,
    startBare: async (onNotification) => {
      const client = await BareClient.start({
        binary,
        codexHome: String(bareHome?.path),
        cwd: workspace,
        ...(onNotification && { onNotification }),
      })
      teardown.add('bare client', () => client.stop())
      return client
    },
    connect: async (laneIds) => {
      const client = await BridgeClient.connect(bridge.baseUrl, laneIds)
      // Whoever still waits for an event would keep the process alive for as long as it is willing to wait.
      teardown.add('client of the bridge', () => client.close())
      return client
    },
    stopBridge,
  }
}
