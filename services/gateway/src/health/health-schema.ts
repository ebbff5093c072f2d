import { Nullable, RunnerInfo } from '@codex-bridge/contracts'
import { type Static, Type } from 'typebox'

const Status = Type.Enum(['ok', 'degraded', 'down'])

export const ServiceHealth = Type.Object(
  {
    status: Status,
    instances: Type.Integer({ minimum: 0 }),
    lag: Type.Optional(Nullable(Type.Integer({ minimum: 0, description: 'Stored events it has not processed yet; null if unknown' }))),
  },
  { additionalProperties: true, description: 'Further fields are specific to the service' },
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
      mixedVersions: Type.Boolean({ description: 'Whether runners or running app-servers differ in version' }),
      missingMethods: Nullable(
        Type.Array(Type.String(), { description: 'Methods of the contract that some runner lacks; null if unknown' }),
      ),
      homes: Type.Array(Type.Object({ path: Type.String(), runners: Type.Integer(), versions: Type.Array(Type.String()) })),
    }),
    problems: Type.Array(Type.String(), { description: 'Each problem and how to fix it' }),
  },
  { $id: 'Health', description: 'Health of the bridge, its services and Codex' },
)
export type HealthReport = Static<typeof HealthReport>
