import {
  AGGREGATES,
  Approval,
  ApprovalsState,
  EVENTS,
  EventEnvelope,
  LANE_ID_PATTERN,
  LaneState,
  SessionState,
  STREAMS,
  SubAgent,
} from '@codex-bridge/contracts'
import { BRIDGE_VERSION } from '@codex-bridge/service-kit'
import { withReferences } from './json-schema.ts'

type Json = Record<string, unknown>

const LANE_PARAMETER = { laneId: { description: `Lane id: ${LANE_ID_PATTERN}` } }
const STATES = { lane: LaneState, session: SessionState, approval: ApprovalsState } as const
const text = { type: 'string' }
const textOrNull = { anyOf: [text, { type: 'null' }] }
const NOTIFICATION = 'lane.notification'

const messageRef = (channel: string, message: string): Json => ({ $ref: `#/channels/${channel}/messages/${message}` })

/** A message per event type of an aggregate, all of one envelope; the type stands in the body and in the header. */
const messagesOf = (aggregate: (typeof AGGREGATES)[number]): Json => {
  const types = Object.entries(EVENTS[aggregate])
  const message = (type: string, summary: string, typeSchema: Json): Json => ({
    name: type,
    summary,
    contentType: 'application/json',
    headers: { type: 'object', properties: { 'Lane-Event-Type': typeSchema } },
    payload: {
      allOf: [
        { $ref: '#/components/schemas/Event' },
        { type: 'object', properties: { type: typeSchema, state: { $ref: `#/components/schemas/${aggregate}State` } } },
      ],
    },
  })
  return {
    ...Object.fromEntries(types.map(([type, { means }]) => [type, message(type, means, { const: type })])),
    ...(aggregate === 'session' && {
      [NOTIFICATION]: message('lane.<method>.notification', 'A notification of the app-server as it came', {
        type: 'string',
        pattern: '^lane\\..+\\.notification$',
      }),
    }),
  }
}

/** Describes what is published on the bus below `lane.`, from the same schemas that services check. */
export const buildAsyncApiDocument = (): Json => {
  const channels: Record<string, Json> = {}
  for (const aggregate of AGGREGATES) {
    channels[`${aggregate}Events`] = {
      address: `lane.evt.{laneId}.${aggregate}`,
      description: `Stream ${STREAMS.events}. The sequence is that of the stream; the body has no \`seq\`.`,
      parameters: LANE_PARAMETER,
      messages: messagesOf(aggregate),
    }
    channels[`${aggregate}Live`] = {
      address: `lane.live.{laneId}.${aggregate}`,
      description: 'The same messages as they are stored, over core NATS: nothing is kept for those who are away.',
      parameters: LANE_PARAMETER,
      messages: messagesOf(aggregate),
    }
  }
  channels['deltas'] = {
    address: 'lane.delta.{laneId}',
    description: 'Token and output deltas, gathered for about 50 ms. They may be lost; the completed item has the whole.',
    parameters: LANE_PARAMETER,
    messages: {
      delta: { name: 'delta', contentType: 'application/json', payload: { $ref: '#/components/schemas/Delta' } },
    },
  }
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'codex-bridge events',
      version: BRIDGE_VERSION,
      description: 'What can be subscribed to on NATS. Commands (`lane.cmd.*`) are internal: use the HTTP API.',
    },
    defaultContentType: 'application/json',
    channels,
    operations: Object.fromEntries(
      Object.entries(channels).map(([name, channel]) => [
        `publish${name.charAt(0).toUpperCase()}${name.slice(1)}`,
        {
          action: 'send',
          channel: { $ref: `#/channels/${name}` },
          messages: Object.keys(channel['messages'] as Json).map((message) => messageRef(name, message)),
        },
      ]),
    ),
    components: {
      schemas: {
        Event: withReferences(EventEnvelope, undefined, true),
        Approval: withReferences(Approval, undefined, true),
        SubAgent: withReferences(SubAgent, undefined, true),
        Delta: {
          type: 'object',
          required: ['laneId', 'threadId', 'turnId', 'itemId', 'method', 'delta'],
          properties: { laneId: text, threadId: text, turnId: textOrNull, itemId: textOrNull, method: text, delta: text },
        },
        ...Object.fromEntries(AGGREGATES.map((aggregate) => [`${aggregate}State`, withReferences(STATES[aggregate], undefined, true)])),
      },
    },
  }
}
