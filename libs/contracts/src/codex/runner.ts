import { type Static, Type } from 'typebox'
import { Nullable } from '../foundation/ids.ts'

/** What a runner says of itself, without secrets. */
export const RunnerInfo = Type.Object(
  {
    runnerId: Type.String(),
    codexBinary: Nullable(Type.Object({ path: Type.String(), origin: Type.String() })),
    codexVersion: Nullable(Type.String()),
    codexVersions: Type.Array(Type.String(), {
      description: 'What its living app-servers are, and the binary: two after the binary was replaced under a running session',
    }),
    missingMethods: Nullable(
      Type.Array(Type.String(), { description: 'Methods of the contract this binary cannot serve; null: it does not tell' }),
    ),
    codexHome: Type.String(),
    appServer: Type.Enum(['ok', 'failed', 'probing']),
    login: Type.Enum(['logged_in', 'not_required', 'missing', 'unknown']),
    problem: Nullable(Type.String()),
    sessions: Type.Integer(),
    capacity: Type.Integer(),
  },
  { $id: 'RunnerInfo' },
)
export type RunnerInfo = Static<typeof RunnerInfo>
