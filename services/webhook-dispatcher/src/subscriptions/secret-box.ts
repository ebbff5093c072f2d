import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto'
import { existsSync, linkSync, mkdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { BridgeError } from '@codex-bridge/contracts'

const ALGORITHM = 'aes-256-gcm'
const KEY_BYTES = 32
const IV_BYTES = 12
const FORM = 'v1'

/** Keeps secrets unreadable at rest: AES-256-GCM, bound to the subscription so that a stored one fits no other. */
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
    return [FORM, ...[iv, sealed, cipher.getAuthTag()].map((part) => part.toString('base64url'))].join('.')
  }

  /** @throws Error when the key is another one or the text was changed */
  open(subscriptionId: string, text: string): string {
    const [form, iv = '', sealed = '', tag = ''] = text.split('.')
    if (form !== FORM) throw new Error('unknown form of a sealed secret')
    const decipher = createDecipheriv(ALGORITHM, this.#key, Buffer.from(iv, 'base64url'))
      .setAAD(Buffer.from(subscriptionId))
      .setAuthTag(Buffer.from(tag, 'base64url'))
    return Buffer.concat([decipher.update(Buffer.from(sealed, 'base64url')), decipher.final()]).toString('utf8')
  }

  /** Stands for a secret in a fingerprint: a plain hash of a weak one could be guessed from the store. */
  digest(secret: string): string {
    return createHmac('sha256', this.#key).update(secret).digest('base64url')
  }
}

/**
 * The key from the configuration, else from `webhook.key` in the data directory, which is made on first use: whole and
 * under its name in one step, so that two processes that start at once agree on the file of the faster one.
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
