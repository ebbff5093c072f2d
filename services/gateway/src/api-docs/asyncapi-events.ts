import {
  AGGREGATES,
  type Aggregate,
  DeltaMessage,
  EVENTS,
  LANE_ID_PATTERN,
  NOTIFICATION,
  STATES,
  STREAMS,
  StoredEvent,
} from '@codex-bridge/contracts'

type Json = Record<string, unknown>

const LANE_PARAMETER = { laneId: { description: `Lane id: ${LANE_ID_PATTERN}` } }

/** Name of the message that stands for every forwarded notification. */
const NOTIFICATION_MESSAGE = 'lane.notification'

const { type: _type, payload: _payload, state: _state, ...context } = StoredEvent.properties

/** The message of one event type. Its body has no sequence: the server assigns that. */
const messageOf = (aggregate: Aggregate, type: Json, name: string, { means, payload }: { means: string; payload: unknown }): Json => ({
  name,
  title: means,
  contentType: 'application/json',
  headers: {
    type: 'object',
    required: ['Nats-Msg-Id', 'Lane-Event-Type'],
    properties: {
      'Nats-Msg-Id': { type: 'string', description: 'The id of the event, so that an event is never stored twice.' },
      'Lane-Event-Type': { ...type, description: 'The type of the event, to filter without reading the body.' },
      'Lane-Command-Id': { type: 'string', description: 'The command that caused the event.' },
      'Lane-Epoch': { type: 'string', description: 'The epoch of the session that wrote the event.' },
    },
  },
  payload: {
    type: 'object',
    required: [...(StoredEvent.required ?? [])],
    properties: { ...context, type, payload, state: { ...STATES[aggregate], $id: `${aggregate}State` } },
  },
})

const namesOf = (aggregate: Aggregate): string[] => [
  ...Object.keys(EVENTS[aggregate]),
  ...(aggregate === 'session' ? [NOTIFICATION_MESSAGE] : []),
]

/** Every message, by the event type. */
export const eventMessages = (): Json => ({
  ...Object.fromEntries(
    AGGREGATES.flatMap((aggregate) =>
      Object.entries(EVENTS[aggregate]).map(([type, declared]) => [type, messageOf(aggregate, { const: type }, type, declared)]),
    ),
  ),
  [NOTIFICATION_MESSAGE]: messageOf(
    'session',
    { type: 'string', pattern: NOTIFICATION.pattern },
    'lane.<method>.notification',
    NOTIFICATION,
  ),
  delta: { name: 'delta', title: 'Text deltas of one item', contentType: 'application/json', payload: DeltaMessage },
})

const channel = (address: string, description: string, names: string[]): Json => ({
  address,
  description,
  parameters: LANE_PARAMETER,
  messages: Object.fromEntries(names.map((name) => [name, { $ref: `#/components/messages/${name}` }])),
})

/** The stored and the live subject of every aggregate, and the deltas. */
export const eventChannels = (): Json => ({
  ...Object.fromEntries(
    AGGREGATES.flatMap((aggregate) => [
      [
        `${aggregate}Events`,
        channel(
          `lane.evt.{laneId}.${aggregate}`,
          `Stream ${STREAMS.events}. The sequence of an event is its stream sequence; the body has none.`,
          namesOf(aggregate),
        ),
      ],
      [
        `${aggregate}Live`,
        channel(
          `lane.live.{laneId}.${aggregate}`,
          'The same messages as they are stored, over core NATS. Nothing is kept for a subscriber that is away.',
          namesOf(aggregate),
        ),
      ],
    ]),
  ),
  deltas: channel('lane.delta.{laneId}', 'Deltas may be lost; the completed item has the whole text.', ['delta']),
})

const sends = (id: string, names: string[]): Json => ({
  action: 'send',
  channel: { $ref: `#/channels/${id}` },
  messages: names.map((name) => ({ $ref: `#/channels/${id}/messages/${name}` })),
})

/** What the bridge publishes. */
export const eventOperations = (): Json => ({
  ...Object.fromEntries(
    AGGREGATES.flatMap((aggregate) =>
      ['Events', 'Live'].map((kind) => [`publish.${aggregate}${kind}`, sends(`${aggregate}${kind}`, namesOf(aggregate))]),
    ),
  ),
  'publish.deltas': sends('deltas', ['delta']),
})
