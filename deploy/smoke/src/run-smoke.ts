import { apiOf } from '@codex-bridge/local'
import { CheckReport, type Say } from './check-report.ts'
import { removeCreated } from './cleanup.ts'
import { bridgeFlow } from './flows/bridge-flow.ts'
import { approvalFlow, type MainLane, newLaneFlow, turnFlow } from './flows/lane-flow.ts'
import { maintenanceFlow } from './flows/maintenance-flow.ts'
import { streamFlow } from './flows/stream-flow.ts'
import { takeoverFlow } from './flows/takeover-flow.ts'
import { webhookFlow } from './flows/webhook-flow.ts'
import { type HookReceiver, startHookReceiver } from './hook-receiver.ts'
import { SmokeContext } from './smoke-context.ts'
import { findTarget, type SmokeTarget } from './smoke-target.ts'

const ANSWER_MS = 30_000
/** For all checks together, without the start of a bridge of its own. */
const CHECKS_MS = 90_000
const REMOVAL_MS = 20_000

/**
 * The operator's flows of the contract, each check a line with its time. Environment: BASE_URL of the bridge, SMOKE_TURN=1 runs turns
 * of a real model, SMOKE_RECEIVER_HOST is where the bridge reaches this machine with webhooks (default 127.0.0.1).
 * Resolves with the exit code: 1 when a check failed. Nothing the run made is left, nothing else is touched.
 */
export const runSmoke = async (
  root: string,
  env: NodeJS.ProcessEnv,
  say: Say = (line) => void process.stdout.write(`${line}\n`),
): Promise<number> => {
  const startedAt = performance.now()
  const target = await findTarget(root, env, say)
  let receiver: HookReceiver | undefined
  try {
    receiver = await startHookReceiver(env['SMOKE_RECEIVER_HOST'] ?? '127.0.0.1')
    say(`Smoke test of ${target.baseUrl}`)
    const failed = await runFlows(target, receiver, env, say)
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
    say(failed === 0 ? `\nSmoke test passed in ${seconds} s` : `\nSmoke test failed in ${seconds} s: ${failed} checks`)
    return failed === 0 ? 0 : 1
  } finally {
    receiver?.close()
    await target.leave()
  }
}

const runFlows = async (target: SmokeTarget, receiver: HookReceiver, env: NodeJS.ProcessEnv, say: Say): Promise<number> => {
  const journal = new CheckReport(say, CHECKS_MS)
  const api = apiOf(target.baseUrl, ANSWER_MS)
  const smoke = new SmokeContext({ target, api, receiver, journal })
  if (await journal.flow('The bridge', () => bridgeFlow(smoke, env))) await runOnLanes(smoke)
  else journal.leaveOut('every other flow', 'without a bridge that answers there is nothing to see')
  const removal = new CheckReport(say, REMOVAL_MS)
  const { lanes, webhooks, threads } = smoke.made
  if (lanes.size + webhooks.size + threads.size > 0)
    await removal.flow('The end', () => removeCreated(smoke, removal, apiOf(target.baseUrl, REMOVAL_MS)))
  return journal.failed + removal.failed
}

const runOnLanes = async (smoke: SmokeContext): Promise<void> => {
  const { journal } = smoke
  let main: MainLane | undefined
  await journal.flow('Start a new visible lane', async () => {
    main = await newLaneFlow(smoke)
  })
  const onMain = async (title: string, flow: (smoke: SmokeContext, lane: MainLane) => Promise<void>): Promise<void> => {
    await journal.flow(title, async () => {
      if (main) await flow(smoke, main)
      else journal.leaveOut('this flow', 'there is no lane for it')
    })
  }
  await onMain('Prompt, steer, interrupt', turnFlow)
  await onMain('Approvals', approvalFlow)
  await onMain('The event stream', streamFlow)
  await onMain('Webhooks', webhookFlow)
  await journal.flow('Find a thread, attach it, take it over', () => takeoverFlow(smoke))
  await journal.flow('Maintenance', () => maintenanceFlow(smoke))
}
