import type { TObject, TSchema } from 'typebox'

/** The parts of a JSON schema that the page shows. */
type Shown = {
  type?: string
  const?: unknown
  enum?: readonly unknown[]
  anyOf?: readonly Shown[]
  items?: Shown
  properties?: Record<string, Shown>
  format?: string
  description?: string
  $id?: string
}

const code = (value: unknown): string => `\`${String(value).replaceAll('|', '\\|')}\``

/** A schema in a few words: a type, the values of an enumeration, or the name of a described object. */
export const typeOf = (schema: TSchema): string => words(schema)

const words = (schema: Shown): string => {
  if (schema.$id !== undefined) return schema.$id
  if (schema.const !== undefined) return code(schema.const)
  if (schema.enum) return schema.enum.map(code).join(', ')
  if (schema.anyOf) return schema.anyOf.map(words).join(' or ')
  if (schema.format === 'date-time') return 'time'
  if (schema.type === 'array') return `list of ${words(schema.items ?? {})}`
  if (schema.type === 'object' && Object.keys(schema.properties ?? {}).length > 0)
    return `{ ${Object.keys(schema.properties ?? {}).join(', ')} }`
  return schema.type === 'string' ? 'text' : (schema.type ?? 'anything')
}

/** What a field means: its own description, or that of the value beside null. */
const meaningOf = (schema: Shown): string => schema.description ?? schema.anyOf?.find(({ description }) => description)?.description ?? ''

/** A Markdown table of an object's fields, without those named. Optional fields are marked. */
export const fieldsTable = (schema: TObject, leaveOut: readonly string[] = []): string => {
  const required: readonly string[] = schema.required ?? []
  const rows = Object.entries(schema.properties)
    .filter(([name]) => !leaveOut.includes(name))
    .map(([name, field]) => `| ${code(name)}${required.includes(name) ? '' : ' (optional)'} | ${words(field)} | ${meaningOf(field)} |`)
  return ['| field | value | meaning |', '| --- | --- | --- |', ...rows].join('\n')
}
