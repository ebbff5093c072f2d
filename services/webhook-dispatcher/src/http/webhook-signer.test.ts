import fc from 'fast-check'
import { Webhook } from 'standardwebhooks'
import { describe, expect, it } from 'vitest'
import { deliveryHeaders, isUsableSecret, sign } from './webhook-signer.ts'

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'

describe('the signature', () => {
  it('matches the official test vector', () => {
    expect(sign(SECRET, 'msg_p5jXN8AQM9LWM0D4loKWxJek', 1614265330, Buffer.from('{"test": 2432232314}'))).toBe(
      'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
    )
  })

  it('is accepted by the reference library for any JSON body', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.string({ minLength: 1, maxLength: 60, unit: 'grapheme' }), (value, plain) => {
        const body = Buffer.from(JSON.stringify(value))
        for (const [secret, verifier] of [
          [SECRET, new Webhook(SECRET)],
          [`x${plain}`, new Webhook(new Uint8Array(Buffer.from(`x${plain}`)), { format: 'raw' })],
        ] as const) {
          const headers = deliveryHeaders({ id: 'wh_1:evt_1', at: new Date(), body, secret, version: '1' })
          expect(() => verifier.verify(body.toString('utf8'), headers)).not.toThrow()
          expect(() => verifier.verify(`${body.toString('utf8')} `, headers)).toThrow()
        }
      }),
      { numRuns: 500 },
    )
  })

  it('covers bytes that are not text', () => {
    const left = sign('plain', 'id', 1, Buffer.from([0xff, 0xfe]))
    expect(left).not.toBe(sign('plain', 'id', 1, Buffer.from([0xff, 0xfd])))
  })

  it('is left out without a secret', () => {
    const headers = deliveryHeaders({
      id: 'wh_1:evt_1',
      at: new Date(1_614_265_330_900),
      body: Buffer.from('{}'),
      secret: undefined,
      version: '9',
    })
    expect(headers).toEqual({
      'content-type': 'application/json',
      'user-agent': 'codex-bridge/9',
      'webhook-id': 'wh_1:evt_1',
      'webhook-timestamp': '1614265330',
    })
  })

  it.each([
    ['any text', true],
    [SECRET, true],
    ['whsec_', false],
    ['whsec_not base64!', false],
    ['whsec_abc', false],
  ])('accepts %j: %j', (secret, usable) => {
    expect(isUsableSecret(secret)).toBe(usable)
  })
})
