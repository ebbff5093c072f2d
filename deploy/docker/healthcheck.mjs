/**
 * Health of one service as the bridge sees it: asks the gateway, which asks everybody. Arguments: the service, and the gateway's
 * host (default this machine). A service that is degraded (no Codex login) works and is healthy here.
 */
import { get } from 'node:http'

const [service, host = '127.0.0.1'] = process.argv.slice(2)
const port = Number(process.env.PORT ?? 8787)

const fail = (why) => {
  process.stderr.write(`${why}\n`)
  process.exit(1)
}

// The gateway answers only to names it knows: it is asked by the name of loopback, whatever its address.
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
