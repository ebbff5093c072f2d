import { serviceEnvironment } from '@codex-bridge/service-kit'
import { Type } from 'typebox'

/** Environment of the topology job. */
export const TopologyEnvironment = Type.Object({
  NATS_URL: serviceEnvironment.NATS_URL,
  NATS_USER: Type.Optional(Type.String({ description: 'Login on NATS: `migrator`, the only role that may declare streams and buckets.' })),
  NATS_PASSWORD: serviceEnvironment.NATS_PASSWORD,
  BRIDGE_NATS_REPLICAS: Type.Integer({
    default: 1,
    minimum: 1,
    maximum: 5,
    description: 'Copies of every stream and bucket. More than one needs a NATS cluster of at least as many servers.',
  }),
})
