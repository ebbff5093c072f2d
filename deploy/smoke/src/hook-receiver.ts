import { createHmac } from 'node:crypto'
import { createServer, type IncomingHttpHeaders } from 'node:http'

export type Delivery = {
  /** Path it was posted to, without the slash: the name of its subscription. */
  name: string
  headers: IncomingHttpHeaders
  text: string
  envelope: Record<string, unknown>
}

export type HookReceiver = { deliveries: Delivery[]; urlOf: (name: string) => string; close: () => void }

/** Takes every webhook that is posted to it. @param host where the bridge reaches this machine */
export const startHookReceiver = (host: string): Promise<HookReceiver> =>
  new Promise((resolve, reject) => {
    const deliveries: Delivery[] = []
    const server = createServer((request, response) => {
      const chunks: Buffer[] = []
      request.on('data', (chunk: Buffer) => chunks.push(chunk))
      request.once('end', () => {
        const text = Buffer.concat(chunks).toString()
        deliveries.push({ name: String(request.url).slice(1), headers: request.headers, text, envelope: envelopeOf(text) })
        response.end('{}')
      })
    })
    server.once('error', reject)
    server.listen(0, host, () => {
      const address = server.address()
      const port = typeof address === 'object' ? address?.port : 0
      resolve({
        deliveries,
        urlOf: (name) => `http://${host.includes(':') ? `[${host}]` : host}:${port}/${name}`,
        close: () => void server.close().closeAllConnections(),
      })
    })
  })

const envelopeOf = (text: string): Record<string, unknown> => {
  try {
    const value: unknown = JSON.parse(text)
    return value !== null && typeof value === 'object' ? (value as Record<string, unknown>) : {}
  } catch {
    return {}
  }
}

/** Whether a delivery carries the signature that Standard Webhooks asks for, with a secret of plain text. */
export const isSigned = ({ headers, text }: Delivery, secret: string): boolean => {
  const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${text}`
  return headers['webhook-signature'] === `v1,${createHmac('sha256', secret).update(signed).digest('base64')}`
}
