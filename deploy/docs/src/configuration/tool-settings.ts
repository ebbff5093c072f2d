import { Type } from 'typebox'

/** Variables of `docker-compose.yml`, read from `.env`. */
export const ComposeEnvironment = Type.Object({
  'NATS_PASSWORD_<ROLE>': Type.Optional(Type.String({ description: 'Password of each role on NATS. `deploy/docker/env.sh` makes them.' })),
  REDIS_PASSWORD: Type.Optional(Type.String({ description: 'Password of Redis. `deploy/docker/env.sh` makes it.' })),
  BRIDGE_WEBHOOK_KEY: Type.Optional(Type.String({ description: 'As for the webhook-dispatcher. `deploy/docker/env.sh` makes it.' })),
  BRIDGE_UID: Type.Integer({ default: 10_001, description: 'User id of the services, built into the image: the owner of `WORKSPACES`.' }),
  BRIDGE_GID: Type.Integer({ default: 10_001, description: 'Group id of the services, built into the image.' }),
  WORKSPACES: Type.String({
    default: 'workspaces',
    description: 'Folder mounted as `/workspaces`; it must exist. The default is a named volume.',
  }),
  PORT: Type.Integer({ default: 8787, description: 'Port published on loopback.' }),
  BRIDGE_IMAGE: Type.String({ default: 'codex-bridge:local', description: 'Name of the image of the services.' }),
  BASE_IMAGE: Type.String({ default: 'node:20-bookworm-slim', description: 'Debian image to build on, with or without Node.' }),
  NATS_IMAGE: Type.String({ default: 'nats:2.10-alpine', description: 'Image of NATS.' }),
  REDIS_IMAGE: Type.String({ default: 'redis:7-alpine', description: 'Image of Redis.' }),
  BUILD_NETWORK: Type.String({ default: 'default', description: 'Network the image is built in.' }),
})

/** Environment of `npm run smoke:e2e`. */
export const SmokeEnvironment = Type.Object({
  BASE_URL: Type.Optional(
    Type.String({ description: 'Bridge to check. Without it: the one on `PORT`, or else a new one with a scripted model.' }),
  ),
  PORT: Type.Integer({ default: 8787, description: 'Where a running bridge is looked for.' }),
  SMOKE_TURN: Type.Enum(['0', '1'], { default: '0', description: '`1` also runs turns on a real model, which cost its owner.' }),
  SMOKE_RECEIVER_HOST: Type.String({
    default: '127.0.0.1',
    description: 'Address at which the bridge reaches this machine with webhooks.',
  }),
})

/** Environment of `npm run bench`. */
export const BenchEnvironment = Type.Object({
  BENCH_QUICK: Type.Enum(['0', '1'], { default: '0', description: '`1` measures less: a quick look, no reliable figures.' }),
  BENCH_JSON: Type.Optional(Type.String({ description: 'File that also receives the report as JSON.' })),
})

/** Environment of the tests. */
export const TestEnvironment = Type.Object({
  BRIDGE_TEST_CODEX_BIN: Type.Optional(Type.String({ description: 'Codex binary to test with. Without it: the pinned one.' })),
  BRIDGE_TEST_NATS_URL: Type.Optional(Type.String({ description: 'NATS server for tests that do not need one of their own.' })),
  BRIDGE_TEST_REDIS_URL: Type.Optional(Type.String({ description: 'Redis server for tests that do not need one of their own.' })),
  TEST_SEED: Type.Optional(
    Type.Integer({ description: 'Seed of random input; a failing test prints it. Without it: another one for every run.' }),
  ),
  BRIDGE_TEST_CONTAINERS: Type.Enum(['0', '1'], {
    default: '0',
    description: '`1` starts servers as containers even when local binaries exist.',
  }),
  MODEL_PACE_MS: Type.Integer({ default: 0, description: 'Pause between the parts of an answer of the scripted model.' }),
  MODEL_EXIT_ON_STDIN_CLOSE: Type.Enum(['0', '1'], {
    default: '0',
    description: '`1` stops the scripted model when its standard input closes.',
  }),
})
