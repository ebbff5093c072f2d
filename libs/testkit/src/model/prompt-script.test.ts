import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { splitIntoCalls } from './model-step.ts'
import { parsePromptScript } from './prompt-script.ts'

describe('parsePromptScript', () => {
  it.each([
    ['#say hello world', [{ kind: 'say', text: 'hello world' }]],
    ['#say a\\nb', [{ kind: 'say', text: 'a\nb' }]],
    ['#run ls -l | wc', [{ kind: 'run', command: 'ls -l | wc', escalate: false }]],
    ['#ask-run touch x', [{ kind: 'run', command: 'touch x', escalate: true }]],
    ['#patch src/a.txt one\\ntwo', [{ kind: 'patch', file: 'src/a.txt', text: 'one\ntwo' }]],
    ['#ask-user Which one? | red | blue', [{ kind: 'ask-user', question: 'Which one?', options: ['red', 'blue'] }]],
    ['#call mcp__x:do {"a":1}', [{ kind: 'call', namespace: 'mcp__x', tool: 'do', arguments: { a: 1 } }]],
    ['#call update_goal', [{ kind: 'call', tool: 'update_goal', arguments: {} }]],
    ['#call t not json', [{ kind: 'call', tool: 't', arguments: {} }]],
    ['#sleep 250', [{ kind: 'sleep', ms: 250 }]],
    ['#sleep 99999999', [{ kind: 'sleep', ms: 600_000 }]],
    ['#sleep -5', [{ kind: 'sleep', ms: 0 }]],
    ['#sleep soon', [{ kind: 'sleep', ms: 0 }]],
    ['#hang', [{ kind: 'hang' }]],
    ['#fail early-end', [{ kind: 'fail', failure: 'early-end' }]],
    ['  #say indented\r\n#hang\r\n', [{ kind: 'say', text: 'indented' }, { kind: 'hang' }]],
  ])('%j', (prompt, steps) => {
    expect(parsePromptScript(prompt)).toEqual(steps)
  })

  it.each(['hello', '# Heading', '## say x', '#todo write', 'say #run x', '#run', '#fail whatever', '#ask-user', '#patch', '#call', ''])(
    'finds no directive in %j',
    (prompt) => {
      expect(parsePromptScript(prompt)).toEqual([])
    },
  )

  it('finds directives among other lines, and marks parallel tool calls only', () => {
    expect(parsePromptScript('Please:\n#ask-run a\n#+ask-run b\n#+say c\nthanks')).toEqual([
      { kind: 'run', command: 'a', escalate: true },
      { kind: 'run', command: 'b', escalate: true, parallel: true },
      { kind: 'say', text: 'c' },
    ])
  })

  it('reads the script of a sub-agent, and waits for all of them', () => {
    const namespace = 'multi_agent_v1'
    expect(parsePromptScript('#spawn #run ls\\n#say done\n#spawn\n#wait-agents')).toEqual([
      { kind: 'call', tool: 'spawn_agent', namespace, arguments: { message: '#run ls\n#say done' } },
      { kind: 'call', tool: 'wait_agent', namespace, arguments: { timeout_ms: 600_000 } },
    ])
  })

  it('is bounded and takes any text', () => {
    expect(parsePromptScript('#hang\n'.repeat(1000))).toHaveLength(200)
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        fc.constantFrom('say', 'run', 'patch', 'ask-user', 'call', 'sleep', 'fail'),
        (text, name) => {
          const steps = parsePromptScript(`#${name} ${text}`)
          expect(splitIntoCalls(steps).flat()).toEqual(steps)
        },
      ),
    )
  })
})

describe('splitIntoCalls', () => {
  it('ends a call after its tool calls, a hang or a failure', () => {
    const steps = parsePromptScript('#say a\n#run 1\n#+run 2\n#run 3\n#+say x\n#sleep 1\n#fail 500\n#hang\n#+run 4\n#say end')
    expect(splitIntoCalls(steps).map((call) => call.map(({ kind }) => kind))).toEqual([
      ['say', 'run', 'run'],
      ['run'],
      ['say', 'sleep', 'fail'],
      ['hang'],
      ['run'],
      ['say'],
    ])
  })
})
