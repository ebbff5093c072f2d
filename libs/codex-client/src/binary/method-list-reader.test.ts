import { describe, expect, it } from 'vitest'
import { RpcClosedError, RpcError } from '../rpc/rpc-errors.ts'
import { parseMethodList, readMethods } from './method-list-reader.ts'

const refusing = (answer: { code: number; message: string }) => ({
  request: (method: string) => Promise.reject(new RpcError(method, { ...answer, message: answer.message.replace('?', method) })),
})

describe('readMethods and parseMethodList', () => {
  it('read the methods that a refusal names', () => {
    const message = 'Invalid request: unknown variant `x/y`, expected one of `initialize`, `thread/start`, `getAuthStatus`'
    expect([...(parseMethodList(message) ?? [])]).toEqual(['initialize', 'thread/start', 'getAuthStatus'])
  })

  it.each([
    'Invalid request: unknown variant `x/y`',
    'Invalid request: unknown variant `x/y`, expected one of `cli`, `vscode`',
    'Method not found',
    '',
  ])('read no methods from "%s"', (message) => {
    expect(parseMethodList(message)).toBeUndefined()
  })

  it('call a method that does not exist', async () => {
    const list = { code: -32600, message: 'Invalid request: unknown variant `?`, expected one of `initialize`, `turn/start`' }
    expect([...((await readMethods(refusing(list))) ?? [])]).toEqual(['initialize', 'turn/start'])
    expect(await readMethods(refusing({ code: -32601, message: 'Method not found' }))).toBeUndefined()
    expect(await readMethods({ request: () => Promise.resolve({}) as never })).toBeUndefined()
  })

  it('pass other errors on', async () => {
    const closed = new RpcClosedError('codex-bridge/methods', true)
    await expect(readMethods({ request: () => Promise.reject(closed) })).rejects.toBe(closed)
    await expect(readMethods(refusing({ code: -32600, message: 'Not initialized' }))).rejects.toThrow('Not initialized')
  })
})
