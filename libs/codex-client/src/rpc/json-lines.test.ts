import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeJsonLine, JsonLineDecoder, type LineError } from './json-lines.ts'

const decode = (chunks: Iterable<Buffer>, maxLineBytes?: number) => {
  const values: unknown[] = []
  const errors: LineError[] = []
  const decoder = new JsonLineDecoder({
    onValue: (value) => values.push(value),
    onError: (error) => errors.push(error),
    ...(maxLineBytes === undefined ? {} : { maxLineBytes }),
  })
  for (const chunk of chunks) {
    decoder.push(chunk)
  }
  decoder.end()
  return { values, errors }
}

describe('JsonLineDecoder', () => {
  it('gives back what was encoded, however the bytes are cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.json({ stringUnit: 'binary' }), { maxLength: 8 }),
        fc.array(fc.integer({ min: 1, max: 40 })),
        (texts, cuts) => {
          const values = texts.map((text) => JSON.parse(text) as unknown)
          const bytes = Buffer.from(values.map(encodeJsonLine).join(''))
          const chunks: Buffer[] = []
          let at = 0
          for (const cut of cuts) {
            chunks.push(bytes.subarray(at, at + cut))
            at += cut
          }
          chunks.push(bytes.subarray(at))
          expect(decode(chunks)).toEqual({ values, errors: [] })
        },
      ),
    )
  })

  it('survives a UTF-8 sequence cut at every byte', () => {
    const bytes = Buffer.from('{"text":"añ→🎉"}\n')
    expect(decode([...bytes].map((byte) => Buffer.from([byte]))).values).toEqual([{ text: 'añ→🎉' }])
  })

  it('accepts CRLF, blank lines and a last line without newline', () => {
    expect(decode([Buffer.from('{"a":1}\r\n\r\n\n  \n{"a":2}')])).toEqual({ values: [{ a: 1 }, { a: 2 }], errors: [] })
  })

  it('drops a malformed line, tells about it and goes on', () => {
    const { values, errors } = decode([Buffer.from('1\nnot json\n{"a":\n2\n')])
    expect(values).toEqual([1, 2])
    expect(errors).toEqual([
      { kind: 'invalid_json', bytes: 8, preview: 'not json' },
      { kind: 'invalid_json', bytes: 5, preview: '{"a":' },
    ])
  })

  it('drops an overlong line once, whole, and goes on', () => {
    const long = Buffer.from(`"${'x'.repeat(98)}"`)
    const { values, errors } = decode([long.subarray(0, 60), long.subarray(60), Buffer.from('\n"next"\n')], 50)
    expect(values).toEqual(['next'])
    expect(errors).toMatchObject([{ kind: 'line_too_long', bytes: 100 }])
  })

  it('takes a line of exactly the limit', () => {
    expect(decode([Buffer.from(`"${'x'.repeat(48)}"\n`)], 50).errors).toEqual([])
  })

  it('reads a huge line in small chunks in linear time', () => {
    const line = Buffer.from(`"${'x'.repeat(32 * 1024 * 1024)}"\n`)
    const started = performance.now()
    const chunks = (function* () {
      for (let at = 0; at < line.length; at += 4096) {
        yield line.subarray(at, at + 4096)
      }
    })()
    expect((decode(chunks).values[0] as string).length).toBe(32 * 1024 * 1024)
    // Quadratic copying of 32 MiB in 8192 chunks would move 128 GiB.
    expect(performance.now() - started).toBeLessThan(5000)
  })
})

describe('encodeJsonLine', () => {
  it('writes one line even for text with newlines', () => {
    expect(encodeJsonLine({ a: 'x\ny' })).toBe('{"a":"x\\ny"}\n')
  })

  it('refuses what JSON cannot carry', () => {
    expect(() => encodeJsonLine(undefined)).toThrow(TypeError)
  })
})
