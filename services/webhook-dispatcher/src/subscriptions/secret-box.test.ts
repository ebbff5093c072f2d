import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createTempDir } from '@codex-bridge/testkit'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { loadWebhookKey, SecretBox } from './secret-box.ts'

const box = new SecretBox(Buffer.alloc(32, 7))

describe('the secret box', () => {
  it('opens a secret only for the same subscription and with the same key', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, unit: 'grapheme' }), (secret) => {
        const sealed = box.seal('wh_a', secret)
        expect(box.open('wh_a', sealed)).toBe(secret)
        expect(() => box.open('wh_b', sealed)).toThrow()
        expect(() => new SecretBox(Buffer.alloc(32, 8)).open('wh_a', sealed)).toThrow()
      }),
    )
  })

  it('never produces the same text twice and detects changes', () => {
    const sealed = box.seal('wh_a', 'planted-secret')
    expect(sealed).not.toBe(box.seal('wh_a', 'planted-secret'))
    expect(sealed).not.toContain('planted')
    // Not the last characters: their unused bits can decode to the same bytes.
    const at = sealed.length - 8
    expect(() => box.open('wh_a', `${sealed.slice(0, at)}${sealed[at] === 'A' ? 'B' : 'A'}${sealed.slice(at + 1)}`)).toThrow()
    expect(() => box.open('wh_a', 'v9.a.b.c')).toThrow()
  })

  it('refuses a key of another length', () => {
    expect(() => new SecretBox(Buffer.alloc(16))).toThrow(/32 bytes/)
  })
})

describe('the key', () => {
  it('is created once, readable by the owner only', () => {
    const dir = createTempDir()
    const key = loadWebhookKey(undefined, join(dir.path, 'new'))
    expect(key).toHaveLength(32)
    expect(statSync(join(dir.path, 'new', 'webhook.key')).mode & 0o777).toBe(0o600)
    expect(loadWebhookKey(undefined, join(dir.path, 'new')).equals(key)).toBe(true)
    expect(readFileSync(join(dir.path, 'new', 'webhook.key'), 'utf8')).toBe(`${key.toString('base64')}\n`)
    dir.cleanup()
  })

  it('comes from the configuration if it is set', () => {
    expect(loadWebhookKey(Buffer.alloc(32, 1).toString('base64'), '/nonexistent').equals(Buffer.alloc(32, 1))).toBe(true)
  })

  it('is refused if its file is damaged', () => {
    const dir = createTempDir()
    writeFileSync(join(dir.path, 'webhook.key'), 'short\n')
    expect(() => new SecretBox(loadWebhookKey(undefined, dir.path))).toThrow(/32 bytes/)
    dir.cleanup()
  })
})
