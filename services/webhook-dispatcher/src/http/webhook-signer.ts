import { createHmac } from 'node:crypto'

const PREFIX = 'whsec_'
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/

/** Whether a secret can be used: after `whsec_` it must be base64. */
export const isUsableSecret = (secret: string): boolean =>
  !secret.startsWith(PREFIX) || (secret.length > PREFIX.length && BASE64.test(secret.slice(PREFIX.length)))

/** The key of a secret: decoded base64 after `whsec_`, otherwise the UTF-8 bytes of the text. */
const signingKey = (secret: string): Buffer =>
  secret.startsWith(PREFIX) ? Buffer.from(secret.slice(PREFIX.length), 'base64') : Buffer.from(secret, 'utf8')

/** A Standard Webhooks signature: HMAC-SHA256 over `id.timestamp.body`, using the exact bytes that are sent. */
export const sign = (secret: string, id: string, timestampSec: number, body: Uint8Array): string =>
  `v1,${createHmac('sha256', signingKey(secret)).update(`${id}.${timestampSec}.`).update(body).digest('base64')}`

/** The headers of one attempt. Id and body are the same for all attempts, the timestamp is the attempt's own. */
export const deliveryHeaders = (options: {
  id: string
  at: Date
  body: Uint8Array
  secret: string | undefined
  version: string
}): Record<string, string> => {
  const timestamp = Math.floor(options.at.getTime() / 1000)
  return {
    'content-type': 'application/json',
    'user-agent': `codex-bridge/${options.version}`,
    'webhook-id': options.id,
    'webhook-timestamp': String(timestamp),
    ...(options.secret !== undefined && { 'webhook-signature': sign(options.secret, options.id, timestamp, options.body) }),
  }
}
