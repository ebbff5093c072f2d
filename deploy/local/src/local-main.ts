import type { BridgeOptions, RunningBridge } from './bridge/bridge-options.ts'
import { layoutOf } from './bridge/data-layout.ts'
import { PortTakenError } from './bridge/ports.ts'
import { startBridge } from './bridge/start-bridge.ts'
import { stopBridge } from './bridge/stop-bridge.ts'
import { banner } from './console/banner.ts'
import { aborted, listenForStop, type StopSignals } from './console/stop-signals.ts'
import { createSandbox, demoGuide, startDemoLane } from './demo/demo.ts'
import { type LocalSettings, readSettings } from './local-settings.ts'
import { reapOrphans } from './supervision/orphan-reaper.ts'

export type Mode = 'start' | 'demo' | 'stop'

const print = (text: string): void => void process.stdout.write(`${text}\n`)
const say = (line: string): void => void process.stderr.write(`  ${line}\n`)

/** Runs one of the modes of `npm start` and its siblings; resolves with the exit code. */
export const run = async (mode: Mode, root: string): Promise<number> => {
  // A closed terminal must not interrupt the stop half-way.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined)
  try {
    const settings = readSettings(root, process.env)
    if (mode === 'stop') return await stopAll(settings)
    return await runUntilStopped(mode, root, settings)
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    return 1
  }
}

const stopAll = async ({ dataDir, demoDir }: LocalSettings): Promise<number> => {
  for (const [what, folder] of [
    ['The bridge', dataDir],
    ['The demo', demoDir],
  ] as const) {
    const result = await stopBridge(folder)
    if (result === 'stopped') print(`${what} with the data in ${folder} is stopped.`)
    else if (result === 'orphans') print(`${what} with the data in ${folder} had been killed; the processes it left behind are stopped.`)
    else if (what === 'The bridge') print(`No bridge runs with the data in ${folder}.`)
  }
  return 0
}

const runUntilStopped = async (mode: 'start' | 'demo', root: string, settings: LocalSettings): Promise<number> => {
  const signals = listenForStop()
  const startedAt = performance.now()
  const dataDir = mode === 'demo' ? settings.demoDir : settings.dataDir
  void hurry(signals, dataDir)
  try {
    const sandbox: Partial<BridgeOptions> = mode === 'demo' ? await createSandbox(root, dataDir) : {}
    const { port, host } = settings
    const bridge = await startBridge({ dataDir, port, host, serverPorts: 'kept', say, signal: signals.first, ...sandbox })
    print(banner(bridge, performance.now() - startedAt))
    if (mode === 'demo') await guide(bridge, signals)
    await aborted(signals.first)
    say('Stopping (press Ctrl-C again to stop at once)')
    await bridge.stop(signals.second.aborted)
    say('Stopped.')
    return 0
  } catch (error) {
    if (signals.first.aborted) {
      say('Stopped before the bridge was up.')
      return 0
    }
    if (error instanceof PortTakenError && mode === 'demo') throw new Error(error.message.replace('npm start', 'npm run demo'))
    throw error
  } finally {
    signals.dispose()
  }
}

/** On the second Ctrl-C everything of this data folder is killed, however far a start or stop has come. */
const hurry = async (signals: StopSignals, dataDir: string): Promise<void> => {
  await aborted(signals.second)
  await reapOrphans(layoutOf(dataDir).runDir, 0)
}

const guide = async (bridge: RunningBridge, signals: StopSignals): Promise<void> => {
  try {
    const { laneId, approvalId, workspace } = await startDemoLane(bridge)
    print(demoGuide(bridge.baseUrl, laneId, approvalId, workspace))
  } catch (error) {
    if (!signals.first.aborted)
      say(`The lane of the demo did not reach its approval: ${error instanceof Error ? error.message : String(error)}`)
  }
}
