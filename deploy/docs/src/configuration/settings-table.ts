import type { TProperties, TSchema } from 'typebox'

/** The part of a schema that the page shows. */
type Setting = {
  type?: string
  default?: unknown
  description?: string
  minimum?: number
  maximum?: number
  pattern?: string
  enum?: readonly unknown[]
}

const code = (text: unknown): string => `\`${String(text).replaceAll('|', '\\|')}\``

const defaultOf = ({ default: value }: Setting): string => (value === undefined || value === '' ? 'none' : code(value))

const rangeOf = ({ type, minimum, maximum, enum: choices }: Setting): string => {
  if (choices !== undefined) return choices.map(code).join(', ')
  if (type !== 'integer' && type !== 'number') return 'text'
  if (minimum !== undefined && maximum !== undefined) return `${minimum} to ${maximum}`
  return minimum === undefined ? type : `≥ ${minimum}`
}

const rowOf = (name: string, schema: TSchema): string => {
  const setting = schema as Setting
  if (!setting.description) throw new Error(`${name} has no description in its schema`)
  return `| ${code(name)} | ${defaultOf(setting)} | ${rangeOf(setting)} | ${setting.description.replaceAll('|', '\\|')} |`
}

/**
 * A Markdown table of settings: name, default, accepted values, meaning.
 * @throws Error for a setting without a description
 */
export const settingsTable = (settings: TProperties): string =>
  [
    '| variable | default | values | meaning |',
    '| --- | --- | --- | --- |',
    ...Object.entries(settings).map(([name, schema]) => rowOf(name, schema)),
  ].join('\n')
