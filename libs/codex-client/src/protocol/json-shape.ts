/** A JSON object whose fields are not known yet. */
export type JsonObject = Readonly<Record<string, unknown>>

export const isObject = (value: unknown): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value)

export const isText = (value: unknown): value is string => typeof value === 'string'

/** The fields of a type that every supported version of Codex sends, and those that some leave out. */
export type Relied<T, Sure extends keyof T, Maybe extends keyof T = never> = Pick<T, Sure> & Partial<Pick<T, Maybe>>
