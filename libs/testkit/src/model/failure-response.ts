import type { Failure } from './model-step.ts'

/** A failing HTTP answer, sent instead of a stream. */
export type HttpFailure = {
  status: number
  body: unknown
}

const HTTP_FAILURES: Partial<Record<Failure, HttpFailure>> = {
  '500': { status: 500, body: { error: { type: 'server_error', message: 'scripted failure 500' } } },
  '429': { status: 429, body: { error: { type: 'rate_limit_exceeded', message: 'scripted failure 429' } } },
  usage: {
    status: 429,
    body: { error: { type: 'usage_limit_reached', message: 'scripted usage limit', plan_type: 'plus', resets_in_seconds: 3600 } },
  },
  '503': { status: 503, body: { error: { code: 'server_is_overloaded', message: 'scripted failure 503' } } },
  '401': { status: 401, body: { error: { type: 'invalid_request_error', message: 'scripted failure 401' } } },
  '400': { status: 400, body: { error: { type: 'invalid_request_error', message: 'scripted failure 400' } } },
}

/** The HTTP answer of a failure; undefined for one that happens inside the stream. */
export const httpFailure = (failure: Failure): HttpFailure | undefined => HTTP_FAILURES[failure]

/**
 * The last event of a stream that fails inside; undefined when it has none: `early-end` just ends, and `cut` (like an HTTP failure
 * that comes too late to be one) destroys the connection.
 */
export const failureEvent = (failure: Failure, responseId: string): Record<string, unknown> | undefined => {
  switch (failure) {
    case 'failed':
      return failed(responseId, 'server_error', 'scripted response.failed')
    case 'context':
      return failed(responseId, 'context_length_exceeded', 'scripted: your input exceeds the context window of this model')
    case 'incomplete':
      return {
        type: 'response.incomplete',
        response: { id: responseId, status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' } },
      }
    default:
      return
  }
}

const failed = (id: string, code: string, message: string): Record<string, unknown> => ({
  type: 'response.failed',
  response: { id, status: 'failed', error: { code, message } },
})
