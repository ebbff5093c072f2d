import { expect, it } from 'vitest'
import { routeCalls } from './route-list.ts'

const seed = { threadId: 'thread-1', webhookId: 'wh_1' }
const document = {
  '/lanes/{laneId}': { parameters: [], get: {}, delete: {} },
  '/lanes': { get: {}, post: {} },
  '/lanes/attach': { post: {} },
  '/codex/threads/{threadId}': { get: {} },
  '/events/stream': { get: {} },
}

it('takes every GET route of the document, filled, also with its further queries', () => {
  const calls = routeCalls(document, seed, 'lane/1')
  expect(calls.map(({ path }) => path).filter((path) => !path.includes('?'))).toEqual([
    '/codex/threads/thread-1',
    '/events/stream',
    '/lanes',
    '/lanes/lane%2F1',
  ])
  expect(calls.map(({ name }) => name)).toContain('GET /lanes?limit=200')
  expect(calls.filter(({ endless }) => endless).map(({ template }) => template)).toEqual(['/events/stream'])
})

it('asks Codex alone for what Codex answers', () => {
  const calls = routeCalls(document, seed, 'a')
  expect(calls.find(({ name }) => name === 'GET /codex/threads/{threadId}?includeTurns=true')?.question).toEqual({
    method: 'thread/read',
    params: { threadId: 'thread-1', includeTurns: true },
  })
  expect(calls.find(({ name }) => name === 'GET /lanes')?.question).toBeUndefined()
})

it('does not pass over a route it cannot fill', () => {
  expect(() => routeCalls({ '/new/{thing}': { get: {} } }, seed, 'a')).toThrow('{thing} of /new/{thing}')
})
