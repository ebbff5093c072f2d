'use strict'
/**
 * The boundaries of docs/architecture.md. Packages import each other by name only; a name resolves to `<package>/dist`, so
 * rules on targets speak of folders, not of src.
 */
const only = (name, comment, target, homes) => ({
  name,
  comment,
  severity: 'error',
  from: { pathNot: `^(${homes.join('|')})/` },
  to: { path: target },
})

module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'A cycle has no first file to read',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { pathNot: 'generated' } },
    },
    {
      name: 'services-stand-alone',
      comment: 'Services talk over the bus, never by import',
      severity: 'error',
      from: { path: '^services/([^/]+)/' },
      to: { path: '^services/', pathNot: '^services/$1/' },
    },
    {
      name: 'libs-know-no-service',
      comment: 'Dependencies point from services to libs',
      severity: 'error',
      from: { path: '^libs/' },
      to: { path: '^(services|deploy)/' },
    },
    {
      name: 'contracts-import-only-typebox',
      comment: 'The contracts are the innermost package',
      severity: 'error',
      from: { path: '^libs/contracts/src', pathNot: '\\.test\\.ts$' },
      to: { pathNot: '^(libs/contracts/src|node_modules/typebox)' },
    },
    {
      name: 'platform-stands-alone',
      comment: 'platform imports nothing but Node, so that every package may import it',
      severity: 'error',
      from: { path: '^libs/platform/src', pathNot: '\\.test\\.ts$' },
      to: { pathNot: '^libs/platform/src', dependencyTypesNot: ['core'] },
    },
    {
      name: 'libs-in-layers',
      comment: 'bus, store, codex-client and testkit import only the two innermost packages',
      severity: 'error',
      from: { path: '^libs/(bus|store|codex-client|testkit)/src', pathNot: '(\\.test\\.ts$|^libs/bus/src/testing/)' },
      to: { path: '^libs/', pathNot: '^libs/($1|contracts|platform)/' },
    },
    {
      name: 'no-testkit-in-the-product',
      comment:
        'Only the local start (its demo) and benchmarks use the testkit outside tests. The testkit knows nothing of the bus; what needs both is @codex-bridge/bus/testing',
      severity: 'error',
      from: { path: '^(libs|services)/[^/]+/src', pathNot: '(\\.test\\.ts$|^libs/testkit/|^libs/bus/src/testing/)' },
      to: { path: '^libs/testkit/' },
    },
    {
      name: 'no-way-past-an-index',
      comment: 'A package is entered through its index; the bootstrap, which runs before a build, reads the plain modules of platform',
      severity: 'error',
      from: { path: '^(libs|services|deploy)/([^/]+)/', pathNot: '^deploy/local/bootstrap/' },
      to: { path: '^(libs|deploy)/[^/]+/(src|dist)/', pathNot: '^($1/$2/|(libs|deploy)/[^/]+/dist/(testing/)?index\\.)' },
    },
    only('nats-in-one-place', 'The move to another client is one package', '^node_modules/(nats|@nats-io)/', ['libs/bus']),
    only(
      'redis-in-one-place',
      'Only the projector writes Redis, through one package; tests look at it from outside',
      '^node_modules/ioredis/',
      ['libs/store', 'libs/testkit'],
    ),
    only('http-server-in-one-place', 'HTTP ends in the gateway', '^node_modules/(koa|@koa|koa-body|koa2-swagger-ui)/', [
      'services/gateway',
      'deploy/bench',
    ]),
    only('processes-in-few-places', 'Whoever starts a process must be known to end it', '^(node:)?child_process$', [
      'libs/codex-client',
      'libs/platform',
      'libs/testkit',
      'deploy/(local|bench|e2e)',
      '(libs|services)/[^/]+/test',
    ]),
    {
      name: 'no-unresolved',
      comment: 'An import that resolves to nothing is not checked at all',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: '(node_modules|/dist/)' },
    exclude: { path: '(^|/)(generated|coverage)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
}
