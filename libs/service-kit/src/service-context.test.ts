import { BridgeError } from '@codex-bridge/contracts'
import { expect, it } from 'vitest'
import { createLogger } from './logger.ts'
import { logServed } from './service-context.ts'

it.each([
  ['a success', undefined, 'debug'],
  ['a refusal', new BridgeError('lane_not_found'), 'debug'],
  ['what Codex refused', new BridgeError('codex_error', 'thread not loaded'), 'debug'],
  ['a failure of the bridge', new BridgeError('internal_error'), 'error'],
])('%s', (_what, error, level) => {
  const logger = createLogger('test', 'test', 'silent')
  const told: unknown[] = []
  logger.error = (entry: unknown) => void told.push(['error', entry])
  logger.debug = (entry: unknown) => void told.push(['debug', entry])
  logServed(logger)({ subject: 'lane.cmd.x.y', ms: 1.23, error })
  expect(told).toEqual([[level, expect.objectContaining({ subject: 'lane.cmd.x.y', ms: 1.2 })]])
})
