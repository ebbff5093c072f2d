/** Texts that are not JSON. */
export const NOT_JSON = [
  '{',
  '{"laneId":"x"',
  'laneId=x',
  '{"laneId":\u0000}',
  "{'laneId':'x'}",
  '{"laneId":"x"} trailing',
  '\ufeff{',
  'undefined',
]

/** Bodies that do not fit the schema, by path. */
export const WRONG_SHAPES: Record<string, unknown[]> = {
  '/lanes': [
    [],
    '"text"',
    7,
    'null',
    { laneId: 7 },
    { laneId: ['x'] },
    { repoRoot: 'relative/path' },
    { readinessMode: 'never' },
    { verificationCommands: 'true' },
    { acceptanceCriteria: [1] },
    { title: 'x'.repeat(600) },
    { unknownField: true },
    { laneId: 'sessions' },
    `{"title":${'['.repeat(50_000)}${']'.repeat(50_000)}}`,
  ],
  '/codex/workflows/start-visible': [
    { kickoffPrompt: '' },
    { kickoffPrompt: '   ' },
    { requirePreferredSurface: 'yes' },
    { preferredSurface: 'windows' },
    { laneId: 'new', kickoffPrompt: 'x', extra: 1 },
  ],
  '/lanes/quiet/prompt': [{}, { input: '' }, { input: ' \n ' }, { input: ['x'] }, { input: 'x', model: 'other' }],
  '/lanes/quiet/steer': [{ text: 'x' }, {}],
  '/lanes/quiet/interrupt': [{ turnId: 7 }],
  '/lanes/quiet/session/stop': [{ force: true }],
  '/webhooks': [
    { url: 'ftp://x/y', events: ['*'] },
    { url: 'http://127.0.0.1/x', events: [] },
    { url: 'http://127.0.0.1/x', events: ['lane. *'] },
    { url: 'http://127.0.0.1/x', events: ['*'], scope: { laneId: 'a.b' } },
  ],
}
