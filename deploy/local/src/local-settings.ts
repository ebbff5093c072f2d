import { isAbsolute, join } from 'node:path'
import { problemLines, readEnvironment } from '@codex-bridge/service-kit'
import { Type } from 'typebox'

/** Environment of `npm start` and `npm run demo`. All other settings are passed on to the services. */
export const LocalEnvironment = Type.Object({
  BRIDGE_DATA_DIR: Type.String({
    default: 'data',
    description: 'Everything that survives a restart; the demo uses `demo` in it. One bridge per folder at a time.',
  }),
  PORT: Type.Integer({ default: 8787, minimum: 0, maximum: 65_535, description: 'Port of the gateway. 0 chooses a free one.' }),
  HOST: Type.String({ default: '127.0.0.1', description: 'Address the gateway listens on.' }),
  NATS_URL: Type.Optional(Type.String({ description: 'Use this NATS server instead of starting one on loopback.' })),
  NATS_USER: Type.Optional(Type.String({ description: 'Login of every service on the server of `NATS_URL`.' })),
  NATS_PASSWORD: Type.Optional(Type.String({ description: 'Password of `NATS_USER`.' })),
  'NATS_PASSWORD_<ROLE>': Type.Optional(
    Type.String({
      description: 'Password of one role (`NATS_PASSWORD_LANE_REGISTRY`), who then logs in under its own name instead of `NATS_USER`.',
    }),
  ),
  REDIS_URL: Type.Optional(Type.String({ description: 'Use this Redis server instead of starting one on loopback.' })),
  BRIDGE_NO_INSTALL: Type.Enum(['0', '1'], { default: '0', description: "`1` never calls the system's package manager." }),
})

/** What `npm start` and its siblings use themselves. */
export type LocalSettings = { dataDir: string; demoDir: string; port: number; host: string }

/**
 * Settings of the local start; a relative data folder is taken from `root`.
 * @throws Error with one line per problem
 */
export const readSettings = (root: string, env: NodeJS.ProcessEnv): LocalSettings => {
  const { BRIDGE_DATA_DIR: given, PORT: port, HOST: host } = readLocalEnvironment(env)
  const dataDir = isAbsolute(given) ? given : join(root, given)
  return { dataDir, demoDir: join(dataDir, 'demo'), port, host }
}

const readLocalEnvironment = (env: NodeJS.ProcessEnv) => {
  try {
    return readEnvironment(LocalEnvironment, env)
  } catch (error) {
    throw new Error(problemLines(error).join('\n'), { cause: error })
  }
}
