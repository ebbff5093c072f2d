import {
  ApprovalsState,
  ENDED_APPROVALS_KEPT,
  guard,
  MAX_MESSAGE_BYTES,
  MAX_PAYLOAD_BYTES,
  type OpenRequest,
} from '@codex-bridge/contracts'
import { describe, expect, it } from 'vitest'
import { after, decide, event, NOTHING, NOW, open, raised, react, session, type Version } from '../../test/support/approval-builders.ts'
import { decideResolution } from './resolution-decider.ts'

describe('the size of an approval event', () => {
  const sizeOf = (draft: object) => Buffer.byteLength(JSON.stringify({ id: 'evt_01M828E0000000000000000001', ts: NOW, ...draft }))
  /** As large as a session event can carry it. */
  const patch = (bytes: number) => ({ method: 'item/fileChange/requestApproval', changes: [{ path: 'a', diff: '"\\'.repeat(bytes / 4) }] })

  it('fits a message with the largest possible request', () => {
    const on = raised('apr_1', 10, [], { kind: 'file_change', request: patch(MAX_PAYLOAD_BYTES / 2 - 4096) })
    const { version, drafts } = react(NOTHING, on)
    for (const draft of drafts) expect(sizeOf(draft)).toBeLessThan(MAX_MESSAGE_BYTES)
    const resolved = decideResolution(version, decide('approve', 'c', { note: 'n'.repeat(4096) }))
    expect(resolved && sizeOf(resolved)).toBeLessThan(MAX_MESSAGE_BYTES)
    expect(resolved?.payload['approval']).toMatchObject({ request: { changes: [{ path: 'a' }] } })
  })

  it('fits a message with many large approvals, and the newest keep their requests', () => {
    let version: Version = NOTHING
    const requests: OpenRequest[] = []
    for (let index = 0; index < 30; index += 1) {
      const id = `apr_${index}`
      const on = raised(id, 10 + index, requests, { kind: 'file_change', request: patch(60_000) })
      const reaction = react(version, on)
      for (const draft of reaction.drafts) expect(sizeOf(draft)).toBeLessThan(MAX_MESSAGE_BYTES)
      version = reaction.version
      if (index % 2 === 0) {
        requests.push(open(id))
        continue
      }
      const draft = decideResolution(version, decide('approve', `cmd-${index}`, { note: 'n'.repeat(4000) }, id))
      expect(draft && sizeOf(draft)).toBeLessThan(MAX_MESSAGE_BYTES)
      version = after(version, draft)
    }
    expect(guard(ApprovalsState)(version.state)).toBe(true)
    expect(version.state?.pending).toHaveLength(15)
    expect(version.state?.pending.at(-1)?.request).toHaveProperty('changes')
    expect(version.state?.pending.at(0)?.request).toMatchObject({ truncated: true, method: 'item/fileChange/requestApproval' })
    const last = react(version, event('lane.session.lost', 99, session([])))
    for (const draft of last.drafts) expect(sizeOf(draft)).toBeLessThan(MAX_MESSAGE_BYTES)
    expect(last.version.state?.pending).toEqual([])
  })

  it('stays bounded because only the newest ended approvals are kept', () => {
    let version: Version = NOTHING
    for (let index = 0; index < ENDED_APPROVALS_KEPT + 10; index += 1) {
      version = react(version, raised(`apr_${index}`, 10 + 2 * index)).version
      version = react(version, event('lane.session.request.closed', 11 + 2 * index, session([]), { approvalId: `apr_${index}` })).version
    }
    expect(version.state?.ended).toHaveLength(ENDED_APPROVALS_KEPT)
    expect(version.state?.ended.at(-1)?.approvalId).toBe(`apr_${ENDED_APPROVALS_KEPT + 9}`)
  })
})
