/** Declares streams and buckets, then ends: the one-shot job of a container deployment. Environment: NATS_URL, NATS_USER, NATS_PASSWORD, BRIDGE_NATS_REPLICAS. */
import { declareTopology } from '../servers/topology-apply.ts'

const { NATS_URL, NATS_USER, NATS_PASSWORD, BRIDGE_NATS_REPLICAS } = process.env
const credential = NATS_USER ? { user: NATS_USER, password: NATS_PASSWORD ?? '' } : {}
try {
  await declareTopology(NATS_URL ?? 'nats://127.0.0.1:4222', credential, 'topology-job', Number(BRIDGE_NATS_REPLICAS ?? 1))
  process.stderr.write(`${JSON.stringify({ level: 'info', service: 'topology', msg: 'streams and buckets are as declared' })}\n`)
} catch (error) {
  const message = error instanceof Error ? error.message : String(error)
  process.stderr.write(`${JSON.stringify({ level: 'fatal', service: 'topology', msg: message })}\n`)
  process.exitCode = 1
}
