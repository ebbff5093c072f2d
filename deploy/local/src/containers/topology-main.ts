/** Declares streams and buckets and exits: the one-shot job of a container deployment. */
import { configOrExit } from '@codex-bridge/service-kit'
import { declareTopology } from '../servers/declare-topology.ts'
import { TopologyEnvironment } from './topology-settings.ts'

const { NATS_URL, NATS_USER, NATS_PASSWORD, BRIDGE_NATS_REPLICAS } = configOrExit(TopologyEnvironment)
const credential = NATS_USER ? { user: NATS_USER, password: NATS_PASSWORD ?? '' } : {}
try {
  await declareTopology(NATS_URL, credential, 'topology-job', BRIDGE_NATS_REPLICAS)
  process.stderr.write(`${JSON.stringify({ level: 'info', service: 'topology', msg: 'streams and buckets are as declared' })}\n`)
} catch (error) {
  const message = error instanceof Error ? error.message : String(error)
  process.stderr.write(`${JSON.stringify({ level: 'fatal', service: 'topology', msg: message })}\n`)
  process.exitCode = 1
}
