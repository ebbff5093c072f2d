type Json = Record<string, unknown>
type Named = { $id: string }

/** True for a schema that has a name of its own. */
export const isNamed = (value: unknown): value is Named =>
  typeof value === 'object' && value !== null && typeof (value as Partial<Named>).$id === 'string'

/** A copy of a schema fit for a document: no ids, and named schemas inside it as references below `base`. */
export const withReferences = (value: unknown, base = '#/components/schemas/', top = false): unknown => {
  if (Array.isArray(value)) return value.map((item) => withReferences(item, base))
  if (value === null || typeof value !== 'object') return value
  if (!top && isNamed(value)) return { $ref: `${base}${value.$id}` }
  return Object.fromEntries(
    Object.entries(value as Json)
      .filter(([key]) => key !== '$id')
      .map(([key, inner]) => [key, withReferences(inner, base)]),
  )
}
