import { SOURCE_KINDS } from '@codex-bridge/contracts'
import { Type } from 'typebox'

// Query parameters that several routes share.

export const MinSeq = Type.Integer({
  minimum: 0,
  maximum: Number.MAX_SAFE_INTEGER,
  description: 'Respond with a state that includes the event with this seq',
})

export const Cursor = Type.String({ maxLength: 512, description: '`nextCursor` of the previous page' })

/** Kinds of sources of threads. @param byDefault the kinds that are listed without it, in words */
export const sourceKinds = (byDefault: string) =>
  Type.Array(Type.Enum([...SOURCE_KINDS]), { maxItems: 10, description: `Repeated or comma-separated. Default: ${byDefault}` })
