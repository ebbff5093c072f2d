import { BUS_ROLES } from '@codex-bridge/contracts'
import { BRIDGE_VERSION } from '@codex-bridge/service-kit'
import { eventChannels, eventMessages, eventOperations } from './asyncapi-events.ts'
import { verbChannels, verbOperations } from './asyncapi-verbs.ts'
import { namedSchemasIn, withReferences } from './json-schema.ts'

type Json = Record<string, unknown>

/** How clients log in, by role. The observer may only read. */
const securitySchemes = Object.fromEntries(
  BUS_ROLES.map((role) => [
    role,
    {
      type: 'userPassword',
      description:
        role === 'observer' ? 'Reads events and deltas, and publishes nothing.' : `User ${role}, with the permissions of that service.`,
    },
  ]),
)

/** Describes what is on the bus below `lane.`, from the schemas that the services check. */
export const buildAsyncApiDocument = (): Json => {
  const channels = { ...eventChannels(), ...verbChannels() }
  const messages = eventMessages()
  const schemas = [...namedSchemasIn([channels, messages]).values()]
  return {
    asyncapi: '3.0.0',
    id: 'urn:codex-bridge:bus',
    info: {
      title: 'codex-bridge bus',
      version: BRIDGE_VERSION,
      description:
        'Events and deltas can be subscribed to with the observer role. Commands (`lane.cmd.*`) are between the services of the bridge: clients use the HTTP API.',
      license: { name: 'MIT' },
    },
    defaultContentType: 'application/json',
    servers: {
      nats: {
        host: '{host}:{port}',
        protocol: 'nats',
        description: 'NATS with JetStream.',
        variables: { host: { default: '127.0.0.1' }, port: { default: '4222' } },
        security: BUS_ROLES.map((role) => ({ $ref: `#/components/securitySchemes/${role}` })),
      },
    },
    channels: withReferences(channels),
    operations: { ...eventOperations(), ...verbOperations() },
    components: {
      messages: withReferences(messages),
      schemas: Object.fromEntries(schemas.map((schema) => [schema.$id, withReferences(schema, undefined, true)])),
      securitySchemes,
    },
  }
}
