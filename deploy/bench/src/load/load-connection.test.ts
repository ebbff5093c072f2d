import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { LoadConnection } from './load-connection.ts'

let server: Server | undefined

const serve = async (listener: RequestListener): Promise<number> => {
  server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

afterEach(() => {
  server?.close()
  server?.closeAllConnections()
})

test('counts whole answers, also those that come in pieces', async () => {
  const port = await serve((_request, response) => {
    response.setHeader('content-length', 6)
    response.write('abc')
    setTimeout(() => response.end('def'), 2)
  })
  const failures: Error[] = []
  const connection = new LoadConnection(port, '/any', (error) => failures.push(error))
  await expect.poll(() => connection.answered).toBeGreaterThanOrEqual(3)
  connection.end()
  expect(failures).toEqual([])
})

test('an answer other than 200 ends it as failed', async () => {
  const port = await serve((_request, response) => response.writeHead(503, { 'content-length': 0 }).end())
  const failure = await new Promise<Error>((resolve) => new LoadConnection(port, '/any', resolve))
  expect(failure.message).toContain('503')
})

test('a connection that the server closes is a failure, the end of the load is not', async () => {
  const port = await serve((request) => request.socket.destroy())
  const failure = await new Promise<Error>((resolve) => new LoadConnection(port, '/any', resolve))
  expect(failure).toBeInstanceOf(Error)
})
