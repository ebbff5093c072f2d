import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeJsonLine, JsonLineDecoder } from './json-lines.ts'

const decode = (chunks: Iterable<Buffer>, maxLineBytes?: number) => {
  const decoder = new JsonLineDecoder(maxLineBytes)
  const lines = [...[...chunks].flatMap((chunk) => [...decoder.push(chunk)]), ...decoder.end()]
  return {
    values: lines.flatMap((line) => ('value' in line ? [line.value] : [])),
    errors: lines.flatMap((line) => ('error' in line ? [line.error] : [])),
  }
}

describe('JsonLineDecoder', () => {
  it('decodes what was encoded, however the bytes are cut', () => {
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

  it('decodes a UTF-8 sequence that is cut at every byte', () => {
    const bytes = Buffer.from('{"text":"añ→🎉"}\n')
    expect(decode([...bytes].map((byte) => Buffer.from([byte]))).values).toEqual([{ text: 'añ→🎉' }])
  })

  it('accepts CRLF, blank lines and a last line without newline', () => {
    expect(decode([Buffer.from('{"a":1}\r\n\r\n\n  \n{"a":2}')])).toEqual({ values: [{ a: 1 }, { a: 2 }], errors: [] })
  })

  it('drops a malformed line, reports it and continues', () => {
    const { values, errors } = decode([Buffer.from('1\nnot json\n{"a":\n2\n')])
    expect(values).toEqual([1, 2])
    expect(errors).toEqual([
      { kind: 'invalid_json', bytes: 8, preview: 'not json' },
      { kind: 'invalid_json', bytes: 5, preview: '{"a":' },
    ])
  })

  it('drops an overlong line completely, reports it once and continues', () => {
    const long = Buffer.from(`"${'x'.repeat(98)}"`)
    const { values, errors } = decode([long.subarray(0, 60), long.subarray(60), Buffer.from('\n"next"\n')], 50)
    expect(values).toEqual(['next'])
    expect(errors).toMatchObject([{ kind: 'line_too_long', bytes: 100 }])
  })

  it('accepts a line of exactly the limit', () => {
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

  it('refuses a value without a JSON form', () => {
    expect(() => encodeJsonLine(undefined)).toThrow(TypeError)
  })
})
