import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type ApiClient, api } from '../src/http/http-client.ts'
import { rawSocket } from '../src/http/raw-socket.ts'

let server: Server
let port: number
let client: ApiClient

beforeAll(async () => {
  server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      if (request.url === '/empty') {
        response.writeHead(204).end()
        return
      }
      const body = Buffer.concat(chunks).toString('latin1')
      const type = request.url === '/text' ? 'text/plain' : 'application/json; charset=utf-8'
      response.writeHead(request.method === 'POST' ? 201 : 200, { 'content-type': type })
      response.end(JSON.stringify({ method: request.method, url: request.url, headers: request.headers, body }))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  port = (server.address() as AddressInfo).port
  client = api(`http://127.0.0.1:${port}`, { headers: { authorization: 'Bearer t' } })
})

afterAll(() => {
  client.close()
  server.closeAllConnections()
  server.close()
})

test('sends and parses JSON with the common headers', async () => {
  const reply = await client.post<{ url: string; headers: Record<string, string>; body: string }>('/lanes?x=1', {
    id: 'é',
  })
  expect(reply.status).toBe(201)
  expect(reply.body.url).toBe('/lanes?x=1')
  expect(reply.body.headers).toMatchObject({
    authorization: 'Bearer t',
    'content-type': 'application/json',
    'content-length': '11',
  })
  expect((await client.get<{ method: string }>('/a')).body.method).toBe('GET')
  expect((await client.delete('/empty')).body).toBeUndefined()
  expect(typeof (await client.get('/text')).body).toBe('string')
})

test('raw sends hostile paths, hosts, origins and bodies unchanged', async () => {
  const { body } = await client.raw<{ url: string; headers: Record<string, string>; body: string }>('PATCH', '/lanes/%0d%0a/../..//x?..', {
    headers: { host: 'evil.example:1', origin: 'null', authorization: undefined },
    body: Buffer.from([0, 255, 123]),
  })
  expect(body.url).toBe('/lanes/%0d%0a/../..//x?..')
  expect(body.headers).toMatchObject({ host: 'evil.example:1', origin: 'null' })
  expect(body.headers).not.toHaveProperty('authorization')
  expect(body.body).toBe('\u0000\u00ff{')
})

test('a raw socket sends exact bytes and returns the reply', async () => {
  const kept = await rawSocket(port, 'GET /a HTTP/1.1\r\nHost: h\r\nX-A: 1\r\n\r\n')
  expect(kept).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
  expect(kept).toContain('"x-a":"1"')
  expect(await rawSocket(port, 'nonsense\r\n\r\n')).toMatch(/^HTTP\/1\.1 400/)
  await expect(rawSocket(1, 'x')).rejects.toThrow('ECONNREFUSED')
})

test('an exchange that takes too long is aborted', async () => {
  const silent = createServer(() => undefined)
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  const slow = api(`http://127.0.0.1:${(silent.address() as AddressInfo).port}`)
  await expect(slow.raw('GET', '/', { timeoutMs: 50 })).rejects.toThrow()
  slow.close()
  silent.closeAllConnections()
  silent.close()
})
