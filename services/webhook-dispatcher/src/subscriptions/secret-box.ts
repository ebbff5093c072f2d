import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto'
import { existsSync, linkSync, mkdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { BridgeError } from '@codex-bridge/contracts'

const ALGORITHM = 'aes-256-gcm'
const KEY_BYTES = 32
const IV_BYTES = 12
const VERSION = 'v1'

/** Encrypts secrets at rest with AES-256-GCM, bound to the subscription so that one cannot be moved to another. */
export class SecretBox {
  readonly #key: Buffer

  constructor(key: Buffer) {
    if (key.length !== KEY_BYTES) throw new BridgeError('validation_error', `The webhook key must be ${KEY_BYTES} bytes in base64`)
    this.#key = key
  }

  seal(subscriptionId: string, secret: string): string {
    const iv = randomBytes(IV_BYTES)
    const cipher = createCipheriv(ALGORITHM, this.#key, iv).setAAD(Buffer.from(subscriptionId))
    const sealed = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()])
    return [VERSION, ...[iv, sealed, cipher.getAuthTag()].map((part) => part.toString('base64url'))].join('.')
  }

  /** @throws Error if the key is wrong or the text was changed */
  open(subscriptionId: string, text: string): string {
    const [version, iv = '', sealed = '', tag = ''] = text.split('.')
    if (version !== VERSION) throw new Error('unknown version of a sealed secret')
    const decipher = createDecipheriv(ALGORITHM, this.#key, Buffer.from(iv, 'base64url'))
      .setAAD(Buffer.from(subscriptionId))
      .setAuthTag(Buffer.from(tag, 'base64url'))
    return Buffer.concat([decipher.update(Buffer.from(sealed, 'base64url')), decipher.final()]).toString('utf8')
  }

  /** Replaces a secret in a fingerprint. Keyed, because a plain hash of a weak secret could be guessed from the store. */
  digest(secret: string): string {
    return createHmac('sha256', this.#key).update(secret).digest('base64url')
  }
}

/**
 * The key from the configuration, otherwise from `webhook.key` in the data directory. That file is created on first use and
 * appears complete in one step, so that two processes starting at the same time use the same key.
 */
export const loadWebhookKey = (configured: string | undefined, dataDir: string): Buffer => {
  if (configured !== undefined) return Buffer.from(configured, 'base64')
  const path = join(dataDir, 'webhook.key')
  if (!existsSync(path)) {
    mkdirSync(dataDir, { recursive: true })
    const draft = `${path}.${process.pid}`
    writeFileSync(draft, `${randomBytes(KEY_BYTES).toString('base64')}\n`, { mode: 0o600 })
    try {
      linkSync(draft, path)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    } finally {
      unlinkSync(draft)
    }
  }
  return Buffer.from(readFileSync(path, 'utf8').trim(), 'base64')
}
