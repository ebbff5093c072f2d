/**
 * Health of one service: asks the gateway, which asks every service. Arguments: the service, and the host of the gateway
 * (default 127.0.0.1). A degraded service (for example without a Codex login) works and counts as healthy.
 */
import { get } from 'node:http'

const [service, host = '127.0.0.1'] = process.argv.slice(2)
const port = Number(process.env.PORT ?? 8787)

const fail = (why) => {
  process.stderr.write(`${why}\n`)
  process.exit(1)
}

// The gateway accepts only known names in Host, so always send the loopback name.
const request = get({ host, port, path: '/health', headers: { host: `127.0.0.1:${port}` }, timeout: 4000 }, (response) => {
  let text = ''
  response.setEncoding('utf8').on('data', (chunk) => {
    text += chunk
  })
  response.on('end', () => {
    const status = JSON.parse(text).services?.[service]?.status ?? 'unknown'
    if (status === 'down' || status === 'unknown') fail(`${service} is ${status}`)
  })
})
request.on('timeout', () => fail('the gateway does not answer'))
request.on('error', (error) => fail(error.message))
