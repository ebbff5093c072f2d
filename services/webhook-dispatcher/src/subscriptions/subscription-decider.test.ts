import { BridgeError, SECRET_MASK } from '@codex-bridge/contracts'
import { describe, expect, it } from 'vitest'
import {
  createSubscription,
  type DecisionContext,
  deleteSubscription,
  disableSubscription,
  patchSubscription,
  repeatCreate,
} from './subscription-decider.ts'
import { NO_STATUS, webhookOf } from './subscription-record.ts'

const context = (commandId: string, fingerprint = commandId, now = '2026-01-01T00:00:00.000Z'): DecisionContext => ({
  commandId,
  fingerprint,
  now,
  allowedNetworks: [],
  seal: (id, secret) => `sealed(${id},${secret.length})`,
})
const body = { url: 'https://example.com/hook', events: ['lane.*'], secret: 'hush', scope: { laneId: 'lane-1', laneIds: ['lane-2'] } }
const created = createSubscription(body, 41, context('c1'))
const code = (run: () => unknown): string => {
  try {
    run()
    return 'nothing thrown'
  } catch (error) {
    return error instanceof BridgeError ? error.code : String(error)
  }
}

describe('creating a subscription', () => {
  it('derives the id from the command, normalizes the scope and seals the secret', () => {
    expect(created).toMatchObject({ enabled: true, createdSeq: 41, scope: { laneIds: ['lane-2', 'lane-1'] }, deletedAt: null })
    expect(created.id).toMatch(/^wh_[0-9a-f]{26}$/)
    expect(createSubscription(body, 99, context('c1')).id).toBe(created.id)
    expect(createSubscription(body, 41, context('c2')).id).not.toBe(created.id)
    expect(created.secret).toBe(`sealed(${created.id},4)`)
  })

  it('answers a retry with the first record and refuses another body under the same key', () => {
    expect(repeatCreate(created, context('c1'))).toBe(created)
    expect(code(() => repeatCreate(created, context('c1', 'other')))).toBe('idempotency_key_reused')
  })

  it.each([
    { secret: SECRET_MASK },
    { secret: 'whsec_???' },
    { url: 'http://127.0.0.1/' },
    { url: 'http://[::1]/' },
    { url: 'http://a:b@example.com/' },
  ])('refuses %j', (wrong) => {
    expect(code(() => createSubscription({ ...body, ...wrong }, 0, context('c')))).toBe('validation_error')
    expect(code(() => patchSubscription(created, wrong, 50, context('c9')))).toBe('validation_error')
  })

  it('lists every problem', () => {
    try {
      createSubscription({ ...body, url: 'http://10.0.0.1/', secret: SECRET_MASK }, 0, context('c'))
      expect.unreachable()
    } catch (error) {
      expect((error as BridgeError).details).toMatchObject([{ path: '/url' }, { path: '/secret' }])
    }
  })
})

describe('changing a subscription', () => {
  it('changes the given fields and nothing else', () => {
    const patched = patchSubscription(created, { events: ['*'] }, 50, context('p1', 'p1', '2026-01-02T00:00:00.000Z'))
    expect(patched).toMatchObject({ ...created, events: ['*'], updatedAt: '2026-01-02T00:00:00.000Z', commands: [{ commandId: 'p1' }] })
    expect(patched?.endpointSince).toBe(created.endpointSince)
  })

  it.each([{ url: 'https://example.org/' }, { secret: 'new' }, { enabled: false }])('%j makes it a new endpoint', (patch) => {
    const patched = patchSubscription(created, patch, 50, context('p1', 'p1', '2026-01-02T00:00:00.000Z'))
    expect(patched?.endpointSince).toBe('2026-01-02T00:00:00.000Z')
  })

  it('does nothing the second time and refuses the same key with another body', () => {
    const patched = patchSubscription(created, { enabled: false }, 50, context('p1'))
    expect(patchSubscription(patched, { enabled: false }, 50, context('p1'))).toBeUndefined()
    expect(code(() => patchSubscription(patched, { enabled: true }, 50, context('p1', 'other')))).toBe('idempotency_key_reused')
  })

  it('clears the reason when a subscription that was disabled automatically is enabled again', () => {
    const disabled = disableSubscription(created, 'Disabled: because', '2026-01-03T00:00:00.000Z')
    expect(disabled).toMatchObject({ enabled: false, disabledReason: 'Disabled: because' })
    expect(disableSubscription(disabled, 'again', '2026-01-03T00:00:00.000Z')).toBeUndefined()
    expect(disabled && webhookOf(disabled, NO_STATUS).lastError).toBe('Disabled: because')
    expect(patchSubscription(disabled, { enabled: true }, 50, context('p2'))).toMatchObject({
      enabled: true,
      disabledReason: null,
      enabledSeq: 50,
    })
  })
})

describe('deleting a subscription', () => {
  const deleted = deleteSubscription(created, context('d1', 'd1', '2026-01-04T00:00:00.000Z'))

  it('keeps a record without the secret', () => {
    expect(deleted).toMatchObject({ enabled: false, secret: null, deletedAt: '2026-01-04T00:00:00.000Z' })
  })

  it('answers a retry, and is not found for other commands', () => {
    expect(deleteSubscription(deleted, context('d1'))).toBeUndefined()
    expect(code(() => deleteSubscription(deleted, context('d2')))).toBe('webhook_not_found')
    expect(code(() => deleteSubscription(undefined, context('d2')))).toBe('webhook_not_found')
    expect(code(() => patchSubscription(deleted, { enabled: true }, 50, context('p')))).toBe('webhook_not_found')
  })
})

describe('the view of a subscription', () => {
  it('masks the secret and shows no internal fields', () => {
    const shown = webhookOf(created, { ...NO_STATUS, lastError: 'The endpoint answered 500' })
    expect(shown).toEqual({
      id: created.id,
      url: body.url,
      events: ['lane.*'],
      enabled: true,
      scope: { laneIds: ['lane-2', 'lane-1'] },
      scopeKinds: ['lane'],
      secret: SECRET_MASK,
      createdAt: created.createdAt,
      updatedAt: created.updatedAt,
      lastDeliveryAt: null,
      lastError: 'The endpoint answered 500',
    })
    expect(webhookOf({ ...created, secret: null }, NO_STATUS).secret).toBeNull()
  })
})
