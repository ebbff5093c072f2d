import { describe, expect, it } from 'vitest'
import { classifyResult } from './outcome.ts'

const answered = (status: number, retryAfter?: string) => classifyResult({ kind: 'answered', status, retryAfter }, 0)

describe('the outcome of an attempt', () => {
  it.each([200, 201, 202, 204, 299])('%i is a delivery', (status) => {
    expect(answered(status)).toEqual({ delivered: true })
  })

  it.each([199, 300, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 405, 409, 410, 413, 418, 422, 429, 500, 501, 502, 503, 504, 599])(
    '%i is a failure, like everything else that is not 2xx',
    (status) => {
      expect(answered(status)).toMatchObject({ delivered: false, label: String(status), reason: `The endpoint answered ${status}` })
    },
  )

  it('410 alone means that the endpoint is gone', () => {
    const gone = Array.from({ length: 500 }, (_, index) => index + 100).filter((status) => {
      const outcome = answered(status)
      return !outcome.delivered && outcome.gone
    })
    expect(gone).toEqual([410])
  })

  it('429, 502, 503 and 504 mean overloaded, and so does 410 until the subscription is disabled', () => {
    const slow = Array.from({ length: 500 }, (_, index) => index + 100).filter((status) => {
      const outcome = answered(status)
      return !outcome.delivered && outcome.overloaded
    })
    expect(slow).toEqual([410, 429, 502, 503, 504])
  })

  it('carries the wait the endpoint asks for', () => {
    expect(answered(503, '30')).toMatchObject({ retryAfterMs: 30_000 })
    expect(answered(500, 'nonsense')).toMatchObject({ retryAfterMs: undefined })
  })

  it.each(['timeout', 'unreachable', 'unsignable', 'interrupted'] as const)('%s is a failure that reveals no address', (kind) => {
    const outcome = classifyResult({ kind }, 0)
    expect(outcome).toMatchObject({ delivered: false, label: kind, gone: false })
    expect(JSON.stringify(outcome)).not.toMatch(/\d+\.\d+|ECONN|ENOTFOUND/)
  })
})
