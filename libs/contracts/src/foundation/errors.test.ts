import { describe, expect, it } from 'vitest'
import { BridgeError, ERRORS, ErrorBody, type ErrorCode, isErrorCode } from './errors.ts'
import { guard } from './validate.ts'

const codes = Object.keys(ERRORS) as ErrorCode[]

describe('the registry of errors', () => {
  it.each(codes)('%s has a snake_case code, a status of its kind and words', (code) => {
    const { status, means } = ERRORS[code]
    expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/)
    expect(status).toBeGreaterThanOrEqual(400)
    expect(status).toBeLessThan(600)
    expect(means.length).toBeGreaterThan(10)
  })

  it('calls nothing the client got wrong retryable, and everything that was away', () => {
    for (const code of codes) {
      const { status, retryable } = ERRORS[code]
      if ([400, 401, 403, 404, 405, 413, 415, 422].includes(status)) expect(retryable, code).toBe(false)
      if ([429, 503, 504].includes(status)) expect(retryable, code).toBe(true)
    }
  })

  it('is closed: nothing of the prototype counts as a code', () => {
    for (const name of ['constructor', 'toString', '__proto__', 'hasOwnProperty', 'nonsense', '', 400, null]) {
      expect(isErrorCode(name)).toBe(false)
    }
    expect(codes.every(isErrorCode)).toBe(true)
  })
})

describe('BridgeError', () => {
  it('takes status and retryability from the registry', () => {
    for (const code of codes) {
      const error = new BridgeError(code)
      expect([error.status, error.retryable, error.message]).toEqual([ERRORS[code].status, ERRORS[code].retryable, ERRORS[code].means])
      expect(guard(ErrorBody)(error.toBody())).toBe(true)
    }
  })

  it('does not tell what an unknown failure said', () => {
    const secret = new Error('password=hunter2 at /root')
    const error = BridgeError.from(secret)
    expect(error.code).toBe('internal_error')
    expect(JSON.stringify(error.toBody())).not.toContain('hunter2')
    expect(error.cause).toBe(secret)
    expect(BridgeError.from(error)).toBe(error)
    expect(BridgeError.from('text').code).toBe('internal_error')
  })

  it('carries details only where there are some', () => {
    expect(new BridgeError('conflict').toBody()).toEqual({ error: 'conflict', message: ERRORS.conflict.means })
    expect(new BridgeError('conflict', 'm', { details: 0 }).toBody()).toEqual({ error: 'conflict', message: 'm', details: 0 })
  })
})
