import { Nullable, RunnerInfo } from '@codex-bridge/contracts'
import { type Static, Type } from 'typebox'

const Status = Type.Enum(['ok', 'degraded', 'down'])

export const ServiceHealth = Type.Object(
  { status: Status, instances: Type.Integer({ minimum: 0 }) },
  { additionalProperties: true, description: 'Further fields are what the service says of itself' },
)
export type ServiceHealth = Static<typeof ServiceHealth> & Record<string, unknown>

export const HealthReport = Type.Object(
  {
    status: Status,
    service: Type.Literal('codex-bridge'),
    version: Type.String(),
    uptimeSec: Type.Integer(),
    bus: Type.Object({ connected: Type.Boolean(), serverVersion: Nullable(Type.String()) }),
    services: Type.Record(Type.String(), ServiceHealth),
    runners: Type.Array(RunnerInfo),
    codex: Type.Object({
      binary: RunnerInfo.properties.codexBinary,
      version: RunnerInfo.properties.codexVersion,
      appServer: Nullable(RunnerInfo.properties.appServer),
      login: Nullable(RunnerInfo.properties.login),
      mixedVersions: Type.Boolean(),
    }),
    problems: Type.Array(Type.String(), { description: 'What is amiss, in plain words, and what to do about it' }),
  },
  { $id: 'Health', description: 'How the bridge, its services and Codex are' },
)
export type HealthReport = Static<typeof HealthReport>
