import { describe, expect, it } from 'vitest'
import { judge } from './outcome.ts'

const answered = (status: number, retryAfter?: string) => judge({ kind: 'answered', status, retryAfter }, 0)

describe('what an attempt means', () => {
  it.each([200, 201, 202, 204, 299])('%i is delivered', (status) => {
    expect(answered(status)).toEqual({ delivered: true })
  })

  it.each([199, 300, 301, 302, 303, 304, 307, 308, 400, 401, 403, 404, 405, 409, 410, 413, 418, 422, 429, 500, 501, 502, 503, 504, 599])(
    '%i is a failure, and so is everything that is no 2xx',
    (status) => {
      expect(answered(status)).toMatchObject({ delivered: false, label: String(status), reason: `The endpoint answered ${status}` })
    },
  )

  it('410 alone is the end of the subscription', () => {
    const gone = Array.from({ length: 500 }, (_, index) => index + 100).filter((status) => {
      const verdict = answered(status)
      return !verdict.delivered && verdict.gone
    })
    expect(gone).toEqual([410])
  })

  it('429, 502, 503 and 504 slow the endpoint, and 410 until it is disabled', () => {
    const slow = Array.from({ length: 500 }, (_, index) => index + 100).filter((status) => {
      const verdict = answered(status)
      return !verdict.delivered && verdict.overloaded
    })
    expect(slow).toEqual([410, 429, 502, 503, 504])
  })

  it('takes the wait that is asked for', () => {
    expect(answered(503, '30')).toMatchObject({ retryAfterMs: 30_000 })
    expect(answered(500, 'nonsense')).toMatchObject({ retryAfterMs: undefined })
  })

  it.each(['timeout', 'unreachable', 'unsignable', 'interrupted'] as const)('%s is a failure that shows no address', (kind) => {
    const verdict = judge({ kind }, 0)
    expect(verdict).toMatchObject({ delivered: false, label: kind, gone: false })
    expect(JSON.stringify(verdict)).not.toMatch(/\d+\.\d+|ECONN|ENOTFOUND/)
  })
})
