import { ErrorBody, LANE_ID_PATTERN, VERB_GROUPS, type Verb } from '@codex-bridge/contracts'

type Json = Record<string, unknown>

const verbs: Verb[] = VERB_GROUPS.flatMap((group): Verb[] => Object.values(group))
const idOf = ({ service, name }: Verb): string => `${service}.${name}`
const ofLane = ({ service }: Verb): boolean => service === 'session'

const ERROR = {
  name: 'error',
  title: 'The request was refused',
  contentType: 'application/json',
  headers: {
    type: 'object',
    required: ['Nats-Service-Error', 'Nats-Service-Error-Code'],
    properties: {
      'Nats-Service-Error': { type: 'string', description: 'The error code.' },
      'Nats-Service-Error-Code': { type: 'string', description: 'The HTTP status of the code.' },
    },
  },
  payload: ErrorBody,
}

const message = (name: string, payload: unknown): Json => ({ name, contentType: 'application/json', payload })

/** A request channel per verb, and the channel of its reply, whose address is the reply subject of the request. */
export const verbChannels = (): Json =>
  Object.fromEntries(
    verbs.flatMap((verb) => [
      [
        idOf(verb),
        {
          address: `lane.cmd.${verb.service}.${ofLane(verb) ? '{laneId}.' : ''}${verb.name}`,
          ...(ofLane(verb) && { parameters: { laneId: { description: `Lane id: ${LANE_ID_PATTERN}` } } }),
          messages: { request: message('request', verb.request) },
        },
      ],
      [`${idOf(verb)}.reply`, { address: null, messages: { reply: message('reply', verb.reply), error: ERROR } }],
    ]),
  )

/** What the services answer. */
export const verbOperations = (): Json =>
  Object.fromEntries(
    verbs.map((verb) => {
      const id = idOf(verb)
      const replies = `#/channels/${id}.reply`
      return [
        `answer.${id}`,
        {
          action: 'receive',
          channel: { $ref: `#/channels/${id}` },
          messages: [{ $ref: `#/channels/${id}/messages/request` }],
          reply: {
            address: { description: 'The reply subject of the NATS request.', location: '$message.header#/reply' },
            channel: { $ref: replies },
            messages: [{ $ref: `${replies}/messages/reply` }, { $ref: `${replies}/messages/error` }],
          },
        },
      ]
    }),
  )
