import { BUS_ROLES, type BusRole, subjects } from '@codex-bridge/contracts'
import { describe, expect, it } from 'vitest'
import { permissionsOf } from './permissions.ts'

/** NATS subject matching: `*` is one token, `>` the rest. */
const covers = (pattern: string, subject: string): boolean => {
  const wanted = pattern.split('.')
  const given = subject.split('.')
  for (const [index, token] of wanted.entries()) {
    if (token === '>') return given.length > index
    if (index >= given.length || (token !== '*' && token !== given[index])) return false
  }
  return wanted.length === given.length
}
const mayPublish = (role: BusRole, subject: string) => permissionsOf(role).publish.some((pattern) => covers(pattern, subject))
const maySubscribe = (role: BusRole, subject: string) => permissionsOf(role).subscribe.some((pattern) => covers(pattern, subject))

const owners: [BusRole, 'lane' | 'session' | 'approval'][] = [
  ['lane-registry', 'lane'],
  ['session-runner', 'session'],
  ['approvals', 'approval'],
]

describe('permissions', () => {
  it.each(owners)('%s alone may append %s events', (owner, aggregate) => {
    const subject = subjects.event('a', aggregate)
    expect(BUS_ROLES.filter((role) => role !== 'migrator' && mayPublish(role, subject))).toEqual([owner])
  })

  it('nobody but the migrator may create, change or delete a stream', () => {
    for (const role of BUS_ROLES.filter((name) => name !== 'migrator')) {
      for (const call of ['CREATE', 'UPDATE', 'DELETE']) expect(mayPublish(role, `$JS.API.STREAM.${call}.LANE_EVENTS`), role).toBe(false)
      expect(mayPublish(role, '$JS.API.STREAM.MSG.DELETE.LANE_EVENTS'), role).toBe(false)
      expect(permissionsOf(role).publish, role).not.toContain('>')
      expect(permissionsOf(role).subscribe, role).not.toContain('>')
    }
  })

  it('only the lane-registry may purge the event log', () => {
    expect(BUS_ROLES.filter((role) => role !== 'migrator' && mayPublish(role, '$JS.API.STREAM.PURGE.LANE_EVENTS'))).toEqual([
      'lane-registry',
    ])
  })

  it('nobody reads the answers of another role', () => {
    for (const role of BUS_ROLES.filter((name) => name !== 'migrator')) {
      for (const other of BUS_ROLES) expect(maySubscribe(role, `_INBOX.${other}.x`), `${role} ${other}`).toBe(role === other)
    }
  })

  it('webhook secrets are in a bucket that only the dispatcher reads', () => {
    const reads = BUS_ROLES.filter((role) => role !== 'migrator' && mayPublish(role, '$JS.API.DIRECT.GET.KV_lane-webhooks.x'))
    expect(reads).toEqual(['webhook-dispatcher'])
  })

  it('the observer publishes nothing that anybody acts on', () => {
    for (const subject of [
      'lane.evt.a.lane',
      'lane.cmd.registry.create-lane',
      'lane.cmd.session.a.prompt',
      '$KV.lane-leases.x',
      'lane.job.webhook.w',
    ]) {
      expect(mayPublish('observer', subject), subject).toBe(false)
    }
  })

  it('no service answers commands of another', () => {
    const answers: [string, BusRole][] = [
      ['lane.cmd.registry.create-lane', 'lane-registry'],
      ['lane.cmd.approvals.decide', 'approvals'],
      ['lane.cmd.webhooks.create', 'webhook-dispatcher'],
      ['lane.cmd.session.a.prompt', 'session-runner'],
      ['lane.cmd.runner.claim', 'session-runner'],
    ]
    for (const [subject, owner] of answers) {
      expect(
        BUS_ROLES.filter((role) => role !== 'migrator' && maySubscribe(role, subject)),
        subject,
      ).toEqual([owner])
    }
  })
})
