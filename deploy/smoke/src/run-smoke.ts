import { api, startWebhookReceiver, type WebhookReceiver } from '@codex-bridge/testkit'
import { CheckReport, type Say } from './check-report.ts'
import { removeCreated } from './cleanup.ts'
import { bridgeFlow } from './flows/bridge-flow.ts'
import { approvalFlow, type MainLane, newLaneFlow, turnFlow } from './flows/lane-flow.ts'
import { maintenanceFlow } from './flows/maintenance-flow.ts'
import { streamFlow } from './flows/stream-flow.ts'
import { takeoverFlow } from './flows/takeover-flow.ts'
import { webhookFlow } from './flows/webhook-flow.ts'
import { SmokeContext } from './smoke-context.ts'
import { findTarget, type SmokeTarget } from './smoke-target.ts'

const ANSWER_MS = 30_000
/** For all checks together, without starting a bridge. */
const CHECKS_MS = 90_000
const REMOVAL_MS = 20_000

/**
 * Runs the operator's flows of the contract and prints one line per check. Environment: BASE_URL of the bridge, SMOKE_TURN=1 to run
 * turns of a real model, SMOKE_RECEIVER_HOST where the bridge reaches this machine with webhooks (default 127.0.0.1).
 * Removes everything the run created and touches nothing else.
 * @returns the exit code: 1 if a check failed
 */
export const runSmoke = async (
  root: string,
  env: NodeJS.ProcessEnv,
  say: Say = (line) => void process.stdout.write(`${line}\n`),
): Promise<number> => {
  const startedAt = performance.now()
  const target = await findTarget(root, env, say)
  let receiver: WebhookReceiver | undefined
  try {
    receiver = await startWebhookReceiver({ host: env['SMOKE_RECEIVER_HOST'] ?? '127.0.0.1' })
    say(`Smoke test of ${target.baseUrl}`)
    const failed = await runFlows(target, receiver, env, say)
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
    say(failed === 0 ? `\nSmoke test passed in ${seconds} s` : `\nSmoke test failed in ${seconds} s: ${failed} checks`)
    return failed === 0 ? 0 : 1
  } finally {
    await receiver?.close()
    await target.release()
  }
}

const runFlows = async (target: SmokeTarget, receiver: WebhookReceiver, env: NodeJS.ProcessEnv, say: Say): Promise<number> => {
  const report = new CheckReport(say, CHECKS_MS)
  const client = api(target.baseUrl, { timeoutMs: ANSWER_MS })
  try {
    const smoke = new SmokeContext({ target, api: client, receiver, report })
    if (await report.flow('The bridge', () => bridgeFlow(smoke, env))) await runOnLanes(smoke)
    else report.leaveOut('every other flow', 'it needs a bridge that answers')
    const removal = new CheckReport(say, REMOVAL_MS)
    const { lanes, webhooks, threads } = smoke.created
    if (lanes.size + webhooks.size + threads.size > 0) await removal.flow('Cleanup', () => removeCreated(smoke, removal, client))
    return report.failed + removal.failed
  } finally {
    client.close()
  }
}

const runOnLanes = async (smoke: SmokeContext): Promise<void> => {
  const { report } = smoke
  let main: MainLane | undefined
  await report.flow('Start a new visible lane', async () => {
    main = await newLaneFlow(smoke)
  })
  const onMain = async (title: string, flow: (smoke: SmokeContext, lane: MainLane) => Promise<void>): Promise<void> => {
    await report.flow(title, async () => {
      if (main) await flow(smoke, main)
      else report.leaveOut('this flow', 'there is no lane for it')
    })
  }
  await onMain('Prompt, steer, interrupt', turnFlow)
  await onMain('Approvals', approvalFlow)
  await onMain('The event stream', streamFlow)
  await onMain('Webhooks', webhookFlow)
  await report.flow('Find a thread, attach it, take it over', () => takeoverFlow(smoke))
  await report.flow('Maintenance', () => maintenanceFlow(smoke))
}
