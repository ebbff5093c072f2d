import { RpcTimeoutError } from '@codex-bridge/codex-client'
import type { SessionState } from '@codex-bridge/contracts'
import { describe, expect, it } from 'vitest'
import { NOW } from '../../test/session-builders.ts'
import { type Answers, refusal, type SessionFixture, sessionFixture } from '../../test/session-fixture.ts'
import { turnStarted } from '../sessions/session-decider.ts'
import { interrupt } from './interrupt.ts'
import { prompt } from './prompt.ts'
import { steer } from './steer.ts'

const PROMPT = { commandId: 'cmd-1', body: { input: 'hello' } }

const types = ({ aggregate }: SessionFixture) => aggregate.drafts.map(({ type }) => type)
const methods = ({ calls }: SessionFixture) => calls.map(({ method }) => method)

/** A session with a running turn `turn-1`. */
const running = async (answers: Answers = {}) => {
  const session = sessionFixture({}, {}, answers)
  await prompt(session.context, PROMPT)
  return session
}

describe('prompt', () => {
  it('stores the intent before it asks Codex, and names the turn by the answer', async () => {
    const session = sessionFixture()
    const { context, aggregate } = session
    let stored: string[] = []
    context.appServer = new Proxy(context.server, {
      get: (server, name) => {
        if (name === 'peer') stored = types(session)
        return Reflect.get(server, name) as unknown
      },
    })
    expect(await prompt(context, { ...PROMPT, options: { effort: 'low' } })).toMatchObject({ turnId: 'turn-1', status: 'inProgress' })
    expect(stored).toEqual(['lane.turn.requested'])
    expect(session.calls).toEqual([
      {
        method: 'turn/start',
        params: {
          effort: 'low',
          threadId: 'own',
          input: [{ type: 'text', text: 'hello', text_elements: [] }],
          clientUserMessageId: 'cmd-1',
        },
      },
    ])
    expect(aggregate.state.activeTurn).toMatchObject({ commandId: 'cmd-1', turnId: 'turn-1' })
  })

  it('answers a repetition as before without asking Codex again, and refuses its id for another text', async () => {
    const session = await running()
    expect(await prompt(session.context, PROMPT)).toMatchObject({ turnId: 'turn-1', action: 'prompt' })
    expect(methods(session)).toEqual(['turn/start'])
    await expect(prompt(session.context, { ...PROMPT, body: { input: 'other' } })).rejects.toMatchObject({ code: 'idempotency_key_reused' })
  })

  it('is refused while a turn or its verification runs', async () => {
    const { context } = await running()
    await expect(prompt(context, { ...PROMPT, commandId: 'cmd-2' })).rejects.toMatchObject({ code: 'turn_active' })
    const verifying = sessionFixture({ verifying: { turnId: 'turn-1' } })
    await expect(prompt(verifying.context, PROMPT)).rejects.toMatchObject({ code: 'turn_active' })
  })

  it('ends the turn when Codex refuses it, and not when Codex is silent', async () => {
    const refused = sessionFixture({}, {}, { 'turn/start': [refusal('no such model')] })
    await expect(prompt(refused.context, PROMPT)).rejects.toMatchObject({ code: 'codex_error' })
    expect(refused.aggregate.drafts.at(-1)?.payload).toMatchObject({ status: 'failed', cause: 'refused', error: { code: 'turn_refused' } })
    const silent = sessionFixture({}, {}, { 'turn/start': [new RpcTimeoutError('turn/start', 1, true)] })
    await expect(prompt(silent.context, PROMPT)).rejects.toMatchObject({ code: 'codex_timeout' })
    expect(types(silent)).toEqual(['lane.turn.requested'])
  })

  it('loads the thread again that archiving unloaded', async () => {
    const loaded = { thread: { id: 'own' }, cwd: '/w', approvalPolicy: 'never', sandbox: { type: 'readOnly' } }
    const session = sessionFixture({}, {}, { 'turn/start': [refusal('thread not found: own')], 'thread/resume': [loaded] })
    await prompt(session.context, PROMPT)
    expect(methods(session)).toEqual(['turn/start', 'thread/resume', 'turn/start'])
  })

  it('is refused or skipped while the thread is not ready, and a repetition of a skipped one is skipped', async () => {
    const session = sessionFixture({ readinessDeferred: true, readinessReason: 'active_writer' })
    await expect(prompt(session.context, PROMPT)).rejects.toMatchObject({
      code: 'readiness_blocked',
      details: { reason: 'active_writer', offers: expect.arrayContaining(['fork the thread']) as string[] },
    })
    const skipped = await prompt(session.context, { ...PROMPT, orSkip: true })
    expect(skipped).toMatchObject({ skipped: true, reason: 'active_writer' })
    expect(await prompt(session.context, { ...PROMPT, orSkip: true })).toEqual(skipped)
    expect(types(session)).toEqual(['lane.turn.skipped.readiness_deferred'])
    expect(session.calls).toEqual([])
  })
})

describe('steer', () => {
  const STEER = { commandId: 'cmd-2', body: { input: 'faster' } }

  it('asks Codex first and stores it then, once', async () => {
    const session = await running()
    expect(await steer(session.context, STEER)).toMatchObject({ turnId: 'turn-1', status: 'steered' })
    await steer(session.context, STEER)
    expect(methods(session)).toEqual(['turn/start', 'turn/steer'])
    expect(session.calls[1]?.params).toMatchObject({ threadId: 'own', expectedTurnId: 'turn-1' })
    expect(types(session).at(-1)).toBe('lane.turn.steered')
  })

  it('asks again while Codex does not know the turn yet', async () => {
    const session = await running({ 'turn/steer': [refusal('no active turn to steer'), refusal('no active turn to steer')] })
    await steer(session.context, STEER)
    expect(methods(session)).toEqual(['turn/start', 'turn/steer', 'turn/steer', 'turn/steer'])
  })

  it('is refused without a turn, for another turn, and as Codex refuses it', async () => {
    await expect(steer(sessionFixture().context, STEER)).rejects.toMatchObject({ code: 'no_active_turn' })
    const session = await running({ 'turn/steer': [refusal('expected active turn id `a` but found `b`')] })
    const other = { ...STEER, body: { input: 'x', expectedTurnId: 'turn-0' } }
    await expect(steer(session.context, other)).rejects.toMatchObject({ code: 'turn_mismatch' })
    await expect(steer(session.context, STEER)).rejects.toMatchObject({ code: 'turn_mismatch' })
    expect(types(session)).not.toContain('lane.turn.steered')
  })
})

describe('interrupt', () => {
  const INTERRUPT = { commandId: 'cmd-3', body: {} }
  const subAgents: SessionState['subAgents'] = [
    { threadId: 'child', parentThreadId: 'own', nickname: null, role: null, status: 'running', turnId: 'turn-9', activeAt: NOW },
  ]

  it('ends the turn with its sub-agents and their terminals, and says why', async () => {
    const session = await running()
    session.aggregate.state = { ...session.aggregate.state, subAgents }
    expect(await interrupt(session.context, INTERRUPT)).toMatchObject({ turnId: 'turn-1', status: 'interrupting' })
    const interrupted = session.calls.filter(({ method }) => method === 'turn/interrupt').map(({ params }) => params)
    expect(interrupted).toEqual([
      { threadId: 'child', turnId: '' },
      { threadId: 'own', turnId: '' },
    ])
    expect(methods(session).filter((method) => method === 'thread/backgroundTerminals/clean')).toHaveLength(2)
    expect(session.context.turn.ending).toMatchObject({ cause: 'operator', record: { commandId: 'cmd-3' } })
  })

  it('ends a sub-agent alone by the id of its turn', async () => {
    const session = await running()
    session.aggregate.state = { ...session.aggregate.state, subAgents }
    await interrupt(session.context, { ...INTERRUPT, body: { turnId: 'turn-9' } })
    expect(session.calls.filter(({ method }) => method === 'turn/interrupt').map(({ params }) => params)).toEqual([
      { threadId: 'child', turnId: '' },
    ])
    expect(session.context.turn.ending).toBeUndefined()
  })

  it('breaks off a verification', async () => {
    const session = sessionFixture({ verifying: { turnId: 'turn-1' } })
    const aborting = new AbortController()
    session.context.verification = aborting
    await interrupt(session.context, INTERRUPT)
    expect([aborting.signal.aborted, session.calls]).toEqual([true, []])
  })

  it('succeeds even if terminals cannot be cleaned, and is refused without a turn', async () => {
    const session = await running({ 'thread/backgroundTerminals/clean': [refusal('no')] })
    await expect(interrupt(session.context, INTERRUPT)).resolves.toMatchObject({ turnId: 'turn-1' })
    await expect(interrupt(sessionFixture().context, INTERRUPT)).rejects.toMatchObject({ code: 'no_active_turn' })
  })

  it('answers a repetition after the turn ended, and ends no other turn', async () => {
    const session = await running()
    await interrupt(session.context, INTERRUPT)
    const ended = session.context.turn.ending?.record
    const commands = [...session.aggregate.state.commands, ...(ended ? [ended] : [])]
    const next = { commandId: 'cmd-4', turnId: null, requestedAt: NOW, startedAt: null }
    session.aggregate.state = { ...session.aggregate.state, commands, activeTurn: next }
    session.aggregate.state = turnStarted(session.aggregate.state, 'turn-2', NOW)?.state ?? session.aggregate.state
    const earlier = session.calls.length
    expect(await interrupt(session.context, INTERRUPT)).toMatchObject({ turnId: 'turn-1' })
    expect(session.calls).toHaveLength(earlier)
  })
})
