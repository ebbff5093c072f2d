import type { RunningBridge } from '../bridge/bridge-options.ts'

const CODEX_LOGIN: Record<string, string> = {
  logged_in: 'logged in',
  not_required: 'no login needed',
  missing: 'not logged in',
  unknown: 'login unknown',
}

const codexLine = (bridge: RunningBridge): string => {
  const codex = bridge.health?.codex
  if (!codex?.version) return 'not available'
  const home = bridge.health?.runners?.[0]?.codexHome
  return `${codex.version}, ${CODEX_LOGIN[codex.login ?? 'unknown'] ?? codex.login}${home ? ` (home ${home})` : ''}`
}

/** Summary for the operator once the bridge is up. */
export const banner = (bridge: RunningBridge, startedInMs: number): string => {
  const { baseUrl, health } = bridge
  const rows = [
    ['API', baseUrl],
    ['OpenAPI', `${baseUrl}/openapi`],
    ['Events', `${baseUrl}/events/stream`],
    ['Health', `${baseUrl}/health`],
    ['NATS', bridge.natsUrl],
    ['Codex', codexLine(bridge)],
    ['Data', bridge.dataDir],
    ['Logs', bridge.logDir],
  ]
  const problems = (health?.problems ?? []).map((problem) => `  ! ${problem}`)
  return [
    '',
    `codex-bridge ${health?.version ?? ''} is up (${(startedInMs / 1000).toFixed(1)} s)`,
    '',
    ...rows.map(([name, value]) => `  ${name?.padEnd(8)} ${value}`),
    ...(problems.length > 0 ? ['', ...problems] : []),
    '',
    'Ctrl-C stops the bridge.',
    '',
  ].join('\n')
}
