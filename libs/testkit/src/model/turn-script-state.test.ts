import { describe, expect, it } from 'vitest'
import type { Conversation } from './conversation-reader.ts'
import { TurnScript } from './turn-script-state.ts'

const conversation = (userTexts: string[], toolOutputs: Conversation['toolOutputs'] = []): Conversation => ({
  threadId: 'T',
  turnId: 'U',
  model: 'm',
  userTexts,
  toolOutputs,
  tools: undefined,
  isCompaction: false,
})

const output = (position: number, text: string, n = 0) => ({ callId: `call_u_${position}_${n}`, text })
const saying = (text: string) => [{ kind: 'say', text }]

describe('TurnScript', () => {
  it('echoes a prompt without directives', () => {
    const turn = new TurnScript('u', conversation(['old #say', 'hi']), undefined)
    expect(turn.plan(conversation(['old #say', 'hi'])).steps).toEqual(saying('reply to hi'))
  })

  it('advances with the outputs that come back, and repeats a lost answer', () => {
    const prompt = ['#run a\n#run b']
    const turn = new TurnScript('u', conversation(prompt), undefined)
    const first = turn.plan(conversation(prompt))
    expect(first.steps).toMatchObject([{ command: 'a' }])
    expect(first.callId(0)).toBe('call_u_0_0')
    first.done()
    expect(turn.plan(conversation(prompt)).steps).toEqual(first.steps)

    const other = { callId: 'call_other_7_0', text: 'of an earlier turn' }
    expect(turn.plan(conversation(prompt, [other, output(0, 'x')])).steps).toMatchObject([{ command: 'b' }])
    const outputs = [output(0, 'x'), output(1, 'Process exited with code 0\nOutput:\ny\n')]
    expect(turn.plan(conversation(prompt, outputs)).steps).toEqual(saying('result: y'))
    expect(turn.plan(conversation(prompt, [])).steps).toEqual(saying('result: '))
  })

  it('reports results of parallel calls, failures and empty output', () => {
    const prompt = ['#run a\n#+run b\n#+run c\n#say {result}!']
    const turn = new TurnScript('u', conversation(prompt), undefined)
    const outputs = [
      output(0, 'Process exited with code 3\nOutput:\nbad\n', 0),
      output(0, 'Process exited with code 0\nOutput:\n', 1),
      output(0, 'rejected by user', 2),
    ]
    expect(turn.plan(conversation(prompt, outputs)).steps).toEqual(saying('exit 3 bad; ok; rejected by user!'))
  })

  it('waits for the sub-agents in the conversation', () => {
    const prompt = '#spawn #say a\n#spawn #say b\n#wait-agents'
    const turn = new TurnScript('u', conversation([prompt]), undefined)
    const spawned = [output(0, '{"agent_id":"one","nickname":"A"}'), output(1, '{"agent_id":"two","nickname":"B"}')]
    expect(turn.plan(conversation([prompt], spawned)).steps).toMatchObject([{ tool: 'wait_agent', arguments: { targets: ['one', 'two'] } }])
  })

  it('notes a plain steer in its last text', () => {
    const turn = new TurnScript('u', conversation(['#run a\n#say fin']), undefined)
    turn.plan(conversation(['#run a\n#say fin']))
    const steered = conversation(['#run a\n#say fin', 'quick', 'please'], [output(0, 'x')])
    expect(turn.plan(steered).steps).toEqual(saying('fin (steered: quick; please)'))
  })

  it('answers a plain steer that comes after the end', () => {
    const turn = new TurnScript('u', conversation(['#say fin']), undefined)
    turn.plan(conversation(['#say fin'])).done()
    const plan = turn.plan(conversation(['#say fin', 'one more']))
    expect(plan.steps).toEqual(saying('reply to one more'))
    plan.done()
    expect(turn.plan(conversation(['#say fin', 'one more'])).steps).toEqual(saying('nothing left to do'))
  })

  it('lets a steer with directives replace the rest of the script', () => {
    const turn = new TurnScript('u', conversation(['#run a\n#run b\n#say fin']), undefined)
    turn.plan(conversation(['#run a\n#run b\n#say fin']))
    const steered = conversation(['#run a\n#run b\n#say fin', '#run c'], [output(0, 'x')])
    const plan = turn.plan(steered)
    expect(plan.steps).toMatchObject([{ command: 'c' }])
    expect(plan.callId(0)).toBe('call_u_1_0')
    expect(turn.plan(conversation(steered.userTexts as string[], [output(0, 'x'), output(1, 'y')])).steps).toEqual(saying('result: y'))
  })

  it('never goes back when a compaction has removed messages and outputs', () => {
    const turn = new TurnScript('u', conversation(['old', '#run a\n#run b']), undefined)
    turn.plan(conversation(['old', '#run a\n#run b'], [output(0, 'x')]))
    expect(turn.plan(conversation(['#run a\n#run b'])).steps).toMatchObject([{ command: 'b' }])
    expect(turn.plan(conversation(['#run a\n#run b', '#say steered'])).steps).toEqual(saying('steered'))
  })

  it('prefers steps set by a test', () => {
    const turn = new TurnScript('u', conversation(['#say from prompt']), [{ kind: 'say', text: 'from outside' }])
    expect(turn.plan(conversation(['#say from prompt'])).steps).toEqual(saying('from outside'))
  })
})
