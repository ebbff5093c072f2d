import { type Static, Type } from 'typebox'
import { Nullable } from '../foundation/ids.ts'

/** How one verification command ended. */
export const CommandResult = Type.Object({
  command: Type.String(),
  exitCode: Nullable(Type.Integer()),
  durationMs: Type.Number(),
  timedOut: Type.Boolean(),
  outputTail: Type.String({ description: 'Last part of its output' }),
  error: Type.Optional(Type.String({ description: 'Why it could not be run' })),
})
export type CommandResult = Static<typeof CommandResult>
