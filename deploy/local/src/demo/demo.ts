import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, poll } from '@codex-bridge/platform'
import type { ApiClient } from '@codex-bridge/testkit'
import type { BridgeOptions, RunningBridge } from '../bridge/bridge-options.ts'
import { layoutOf } from '../bridge/data-layout.ts'
import type { ChildSpec } from '../supervision/child-spec.ts'

/** Plain text around directives of the scripted model, which asks for a command outside the sandbox and then reports. */
const PROMPT = `Please create the file approved.txt in this folder.
#ask-run touch approved.txt
#say Done: approved.txt is there, because you approved it.`

const MODEL_READY_MS = 15_000
const MODEL_GRACE_MS = 3000
const APPROVAL_TIMEOUT_MS = 60_000
const START_TIMEOUT_MS = 90_000
const POLL_MS = 100
const DEMO_LANES_TRIED = 1000
/** Statuses after which the first turn of the demo changes nothing more. */
const SETTLED = ['needs_approval', 'failed', 'blocked', 'interrupted', 'done']

/** What a bridge needs to run turns without an account: a scripted model, and a Codex home that knows only that model. */
export type Sandbox = Required<Pick<BridgeOptions, 'companions' | 'codexHome'>>

const modelSpec = (root: string, port: number): ChildSpec => ({
  name: 'scripted-model',
  command: process.execPath,
  args: [join(root, 'libs/testkit/dist/model/scripted-model-main.js')],
  env: { PORT: String(port), MODEL_EXIT_ON_STDIN_CLOSE: '1', MODEL_PACE_MS: '20' },
  isReady: (line) => line.startsWith('{"url"'),
  readyTimeoutMs: MODEL_READY_MS,
  graceMs: MODEL_GRACE_MS,
  attempts: 3,
})

/** Prepares the model and the Codex home of a data folder. */
export const createSandbox = async (root: string, dataDir: string): Promise<Sandbox> => {
  const { codexHome } = layoutOf(dataDir)
  const port = await freePort()
  // Loaded only here: an ordinary start does not need the test kit.
  const { createCodexHome } = await import('@codex-bridge/testkit')
  await createCodexHome({ dir: codexHome, baseUrl: `http://127.0.0.1:${port}/v1` })
  return { companions: [modelSpec(root, port)], codexHome }
}

type LaneView = { status: string; statusReason: { message: string } | null }
type ApprovalList = { approvals: { approvalId: string; status: string; request?: { command?: unknown } }[] }

const startLane = async (api: ApiClient, repoRoot: string): Promise<string> => {
  for (let number = 1; number <= DEMO_LANES_TRIED; number += 1) {
    const laneId = number === 1 ? 'demo' : `demo-${number}`
    if ((await api.get(`/lanes/${laneId}`)).status !== 404) continue
    const answer = await api.post('/codex/workflows/start-visible', { laneId, title: 'Demo', repoRoot, kickoffPrompt: PROMPT })
    if (answer.status >= 400) throw new Error(`The lane of the demo could not be started: ${answer.text}`)
    return laneId
  }
  throw new Error('There are too many demo lanes; remove the data folder of the demo')
}

const readPendingApproval = async (api: ApiClient, laneId: string): Promise<string> => {
  let lane: LaneView | undefined
  const settled = async (): Promise<boolean> => {
    lane = (await api.get<LaneView>(`/lanes/${laneId}`)).body
    return SETTLED.includes(lane.status)
  }
  if (!(await poll(settled, { timeoutMs: APPROVAL_TIMEOUT_MS, everyMs: POLL_MS }))) {
    throw new Error(`The first turn of lane ${laneId} took longer than ${APPROVAL_TIMEOUT_MS / 1000} s; the lane is ${lane?.status}`)
  }
  if (lane?.status !== 'needs_approval') {
    throw new Error(`Lane ${laneId} is ${lane?.status}: ${lane?.statusReason?.message ?? 'no reason given'}`)
  }
  const { approvals } = (await api.get<ApprovalList>(`/lanes/${laneId}/approvals`)).body
  const pending = approvals.find((approval) => approval.status === 'pending')
  if (!pending) throw new Error(`Lane ${laneId} needs an approval, but lists none`)
  return pending.approvalId
}

/** Starts one lane whose first turn waits for an approval. */
export const startDemoLane = async (bridge: RunningBridge): Promise<{ laneId: string; approvalId: string; workspace: string }> => {
  const { api } = await import('@codex-bridge/testkit')
  const workspace = layoutOf(bridge.dataDir).workspaceDir
  mkdirSync(workspace, { recursive: true })
  const client = api(bridge.baseUrl, { timeoutMs: START_TIMEOUT_MS })
  try {
    const laneId = await startLane(client, workspace)
    return { laneId, approvalId: await readPendingApproval(client, laneId), workspace }
  } finally {
    client.close()
  }
}

/** The three commands to type. */
export const demoGuide = (baseUrl: string, laneId: string, approvalId: string, workspace: string): string => `
Lane ${laneId} waits for your approval: Codex wants to run a command outside its sandbox. In another terminal:

  1. Read the request
     curl -s ${baseUrl}/lanes/${laneId}/approvals

  2. Follow all events of the bridge (leave it running)
     curl -sN ${baseUrl}/events/stream

  3. Approve it; ${join(workspace, 'approved.txt')} appears
     curl -s -X POST ${baseUrl}/lanes/${laneId}/approvals/${approvalId}/approve -H 'content-type: application/json' -d '{}'
`
