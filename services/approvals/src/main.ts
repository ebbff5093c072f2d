import { EventLog, runAsLeader, serve } from '@codex-bridge/bus'
import { Approvals } from '@codex-bridge/contracts'
import { BRIDGE_VERSION, configOrExit, connectService, createContext, logServed, openLeases, runService } from '@codex-bridge/service-kit'
import { ApprovalService } from './approval-service.ts'
import { ApprovalsConfig } from './config.ts'

const config = configOrExit(ApprovalsConfig)
const context = createContext('approvals', config)
const { logger, instance } = context

await runService(logger, async (started) => {
  const bus = await connectService(context, config)
  started({ name: 'bus', stop: () => bus.close() })
  const keeper = new ApprovalService({ bus, log: new EventLog(bus), logger, expirySec: config.BRIDGE_APPROVAL_EXPIRY_SEC })
  const ending = new AbortController()
  let leads = false
  const observe = (event: 'leading' | 'following', problem?: unknown) => {
    leads = event === 'leading'
    logger.info({ event, ...(problem !== undefined && { err: problem }) }, 'leadership')
  }
  const leading = runAsLeader({ table: await openLeases(bus, context), role: 'approvals', signal: ending.signal, observe }, (signal) =>
    keeper.run(signal),
  )
  started({
    name: 'leadership',
    stop: async () => {
      ending.abort()
      await leading
    },
  })
  const endpoints = await serve(
    bus,
    { name: 'approvals', version: BRIDGE_VERSION, metadata: { instance } },
    Approvals,
    {
      list: (request) => keeper.list(request),
      decide: (request) => keeper.decide(request),
      request: (request) => keeper.request(request),
      health: () => ({ instance, leading: leads }),
    },
    { observe: logServed(logger) },
  )
  started({ name: 'endpoints', stop: () => endpoints.stop() })
})
