const SHOWN = 1500

/** @throws Error that shows `found` unless the condition holds */
export const expect = (holds: boolean, found: unknown): void => {
  if (!holds) throw new Error(`found ${(JSON.stringify(found) ?? 'nothing').slice(0, SHOWN)}`)
}

/** The value at a path of names in an answer; undefined if there is none. */
export const field = (value: unknown, ...path: string[]): unknown =>
  path.reduce<unknown>(
    (inner, name) => (inner !== null && typeof inner === 'object' ? (inner as Record<string, unknown>)[name] : undefined),
    value,
  )

/** The list under a name in an answer. @throws Error if there is none */
export const listOf = (body: unknown, name: string): unknown[] => {
  const list = field(body, name)
  if (!Array.isArray(list)) throw new Error(`no list of ${name} in ${JSON.stringify(body)?.slice(0, SHOWN)}`)
  return list
}

/** The text at a path of names. @throws Error if there is none */
export const textAt = (body: unknown, ...path: string[]): string => {
  const text = field(body, ...path)
  if (typeof text !== 'string' || text === '') throw new Error(`no ${path.join('.')} in ${JSON.stringify(body)?.slice(0, SHOWN)}`)
  return text
}
