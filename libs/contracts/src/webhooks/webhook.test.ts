import { describe, expect, it } from 'vitest'
import { validator } from '../foundation/validate.ts'
import { SECRET_MASK, Webhook, WebhookCreate, WebhookPatch } from './webhook.ts'

const shown = {
  id: 'wh_1',
  url: 'https://example.com/hook',
  events: ['*'],
  enabled: true,
  scope: {},
  scopeKinds: [],
  secret: null,
  createdAt: '2026-01-01T00:00:00.000Z',
  updatedAt: '2026-01-01T00:00:00.000Z',
  lastDeliveryAt: null,
  lastError: null,
}

describe('webhook schemas', () => {
  it('cannot show a secret: only the mask or nothing fits', () => {
    const validate = validator(Webhook)
    expect(validate(shown)).toBe(shown)
    expect(validate({ ...shown, secret: SECRET_MASK })).toBeTruthy()
    expect(() => validate({ ...shown, secret: 'whsec_real' })).toThrow()
  })

  it('refuse unknown fields, other schemes and an empty patch', () => {
    const create = validator(WebhookCreate)
    expect(create({ url: 'http://a/b', events: ['lane.*'], scope: { laneId: 'a' } })).toBeTruthy()
    for (const wrong of [
      { url: 'ftp://a', events: ['*'] },
      { url: 'https://a b', events: ['*'] },
      { url: 'https://a', events: [] },
      { url: 'https://a', events: ['*'], secret: '' },
      { url: 'https://a', events: ['*'], secretKey: 'x' },
    ]) {
      expect(() => create(wrong), JSON.stringify(wrong)).toThrow()
    }
    expect(() => validator(WebhookPatch)({})).toThrow()
    expect(validator(WebhookPatch)({ enabled: false })).toEqual({ enabled: false })
  })
})
