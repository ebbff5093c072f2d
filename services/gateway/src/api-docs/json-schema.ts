type Json = Record<string, unknown>
type Named = { $id: string }

const isNamed = (value: unknown): value is Named =>
  typeof value === 'object' && value !== null && typeof (value as Partial<Named>).$id === 'string'

/** Copies a schema for a document: without `$id`, and with a reference below `base` in place of each named schema inside it. */
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

/** Collects the named schemas in a value, at any depth, by name. */
export const namedSchemasIn = (value: unknown, found = new Map<string, Named>()): Map<string, Named> => {
  if (value === null || typeof value !== 'object') return found
  if (isNamed(value)) {
    if (found.has(value.$id)) return found
    found.set(value.$id, value)
  }
  for (const inner of Object.values(value)) namedSchemasIn(inner, found)
  return found
}
