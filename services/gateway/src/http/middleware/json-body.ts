import type { IncomingMessage } from 'node:http'
import { BridgeError } from '@codex-bridge/contracts'
import { HttpMethodEnum, koaBody } from 'koa-body'
import type { GatewayMiddleware } from '../gateway-context.ts'

/** No schema of the API nests deeper, and deeper values cost stack wherever they are walked. */
const MAX_DEPTH = 64

const JSON_TYPE = /^application\/json\s*(;.*)?$/i

/** Accepts requests without a body or with uncompressed JSON. @throws BridgeError `unsupported_media_type` */
export const contentTypeCheck = (): GatewayMiddleware => (ctx, next) => {
  if (hasBody(ctx.req)) {
    if (!JSON_TYPE.test(ctx.get('content-type').trim())) throw new BridgeError('unsupported_media_type')
    const encoding = ctx.get('content-encoding')
    if (encoding !== '' && encoding !== 'identity') {
      throw new BridgeError('unsupported_media_type', 'The request body must be sent without a content encoding')
    }
  }
  return next()
}

const hasBody = (request: IncomingMessage): boolean =>
  request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0

/**
 * Parses a JSON body into `state.json`; `{}` without a body.
 * @throws BridgeError `invalid_json` also for invalid UTF-8, `body_too_large`, `validation_error` for excessive nesting
 */
export const jsonBody = (limitBytes: number): GatewayMiddleware => {
  const parse = koaBody({
    json: true,
    jsonStrict: false,
    jsonLimit: limitBytes,
    jsonTypes: ['application/json'],
    multipart: false,
    urlencoded: false,
    text: false,
    parsedMethods: [HttpMethodEnum.POST, HttpMethodEnum.PUT, HttpMethodEnum.PATCH, HttpMethodEnum.DELETE],
    onError: (error, ctx) => {
      // The rest of the body is not read, so the connection cannot carry another request.
      ctx.set('Connection', 'close')
      throw parsingFailure(error)
    },
  })
  return async (ctx, next) => {
    ctx.state.json = {}
    if (!hasBody(ctx.req)) return next()
    const isUtf8 = watchEncoding(ctx.req)
    await parse(ctx, async () => {
      if (!isUtf8()) throw new BridgeError('invalid_json', 'The request body is not valid UTF-8')
      const { body } = ctx.request
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

const reasonOf = (error: Error): string =>
  error instanceof SyntaxError ? `The request body is not valid JSON: ${error.message}` : 'The request body ended early'

/** Detects invalid UTF-8: the parser silently replaces invalid bytes, which would alter a prompt. */
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

/** Walks level by level, so that deep values need no stack. */
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
