import type { IncomingMessage } from 'node:http'
import { BridgeError } from '@codex-bridge/contracts'
import { koaBody } from 'koa-body'
import type { GatewayMiddleware } from './gateway-context.ts'

/** Deeper bodies fit no schema of ours and cost stack in everything that walks them. */
const MAX_DEPTH = 64

const JSON_TYPE = /^application\/json\s*(;.*)?$/i

/** Lets a request pass without a body, or with one that says it is plain JSON. */
export const contentTypeCheck = (): GatewayMiddleware => (ctx, next) => {
  if (hasBody(ctx.req)) {
    if (!JSON_TYPE.test(ctx.get('content-type').trim())) throw new BridgeError('unsupported_media_type')
    const encoding = ctx.get('content-encoding')
    if (encoding !== '' && encoding !== 'identity') {
      throw new BridgeError('unsupported_media_type', 'Bodies are sent without a content-encoding')
    }
  }
  return next()
}

const hasBody = (request: IncomingMessage): boolean =>
  request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0

/** Parses JSON bodies into `state.json`. Bad JSON, bad UTF-8, too many bytes and too much nesting are refused, each by name. */
export const jsonBody = (limitBytes: number): GatewayMiddleware => {
  const parse = koaBody({
    json: true,
    jsonStrict: false,
    jsonLimit: limitBytes,
    jsonTypes: ['application/json'],
    multipart: false,
    urlencoded: false,
    text: false,
    parsedMethods: ['POST', 'PUT', 'PATCH', 'DELETE'] as never,
    onError: (error, ctx) => {
      // What is left of the body is not read, so the connection cannot carry another request.
      ctx.set('Connection', 'close')
      throw parsingFailure(error)
    },
  })
  return async (ctx, next) => {
    ctx.state.json = {}
    if (!hasBody(ctx.req)) return next()
    const isUtf8 = watchEncoding(ctx.req)
    await parse(ctx as never, async () => {
      if (!isUtf8()) throw new BridgeError('invalid_json', 'The body is not UTF-8')
      const { body } = ctx.request as { body?: unknown }
      if (isDeeperThan(body, MAX_DEPTH)) {
        throw new BridgeError('validation_error', undefined, {
          details: [{ path: '/', message: `must not be nested deeper than ${MAX_DEPTH}` }],
        })
      }
      ctx.state.json = body === '' || body === undefined ? {} : body
      await next()
    })
  }
}

const parsingFailure = (error: Error): BridgeError => {
  const { status, type } = error as { status?: number; type?: string }
  if (status === 413) return new BridgeError('body_too_large')
  if (type === 'request.aborted' || error instanceof SyntaxError || status === 400) return new BridgeError('invalid_json', reasonOf(error))
  if (status === 415) return new BridgeError('unsupported_media_type')
  return BridgeError.from(error)
}

const reasonOf = (error: Error): string => (error instanceof SyntaxError ? `The body is not JSON: ${error.message}` : 'The body broke off')

/** The parser replaces bad bytes without a word; a prompt must not be altered so. */
const watchEncoding = (request: IncomingMessage): (() => boolean) => {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let valid = true
  const check = (chunk?: Buffer) => {
    if (!valid) return
    try {
      decoder.decode(chunk, { stream: chunk !== undefined })
    } catch {
      valid = false
    }
  }
  request.on('data', check).once('end', () => check())
  return () => valid
}

/** Walks level by level, so that depth costs no stack. */
const isDeeperThan = (value: unknown, limit: number): boolean => {
  let level: unknown[] = [value]
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > limit) return true
    const below: unknown[] = []
    for (const item of level) {
      if (item === null || typeof item !== 'object') continue
      for (const inner of Object.values(item)) if (inner !== null && typeof inner === 'object') below.push(inner)
    }
    level = below
  }
  return false
}
