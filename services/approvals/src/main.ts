import { AggregateStore, EventLog, runAsLeader, serve } from '@codex-bridge/bus'
import { Approvals } from '@codex-bridge/contracts'
import {
  BRIDGE_VERSION,
  configOrExit,
  connectService,
  createContext,
  logServed,
  openLeases,
  runService,
  stampEvent,
} from '@codex-bridge/service-kit'
import { ApprovalLeader } from './approval-leader.ts'
import { ApprovalService } from './approval-service.ts'
import { ApprovalsConfig } from './config.ts'
import type { ApprovalsContext } from './context.ts'

const config = configOrExit(ApprovalsConfig)
const service = createContext('approvals', config)
const { logger, instance } = service

await runService(logger, async (started) => {
  const bus = await connectService(service, config)
  started({ name: 'bus', stop: () => bus.close() })
  const log = new EventLog(bus)
  const context: ApprovalsContext = {
    bus,
    log,
    approvals: new AggregateStore(log, 'approval', stampEvent),
    logger,
    expirySec: config.BRIDGE_APPROVAL_EXPIRY_SEC,
  }

  const leader = new ApprovalLeader(context)
  const ending = new AbortController()
  let leads = false
  const observe = (event: 'leading' | 'following', problem?: unknown) => {
    leads = event === 'leading'
    logger.info({ event, ...(problem !== undefined && { err: problem }) }, 'leadership')
  }
  const leading = runAsLeader({ table: await openLeases(bus, service), role: 'approvals', signal: ending.signal, observe }, (signal) =>
    leader.lead(signal),
  )
  started({
    name: 'leadership',
    stop: async () => {
      ending.abort()
      await leading
    },
  })

  const approvals = new ApprovalService(context)
  const endpoints = await serve(
    bus,
    { name: 'approvals', version: BRIDGE_VERSION, metadata: { instance } },
    Approvals,
    {
      list: (request) => approvals.list(request),
      decide: (request) => approvals.decide(request),
      request: (request) => approvals.request(request),
      health: () => ({ instance, leading: leads }),
    },
    { observe: logServed(logger) },
  )
  started({ name: 'endpoints', stop: () => endpoints.stop() })
})
