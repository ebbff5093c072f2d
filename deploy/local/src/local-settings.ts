import { isAbsolute, join } from 'node:path'

/** What `npm start` and its siblings read from the environment. */
export type LocalSettings = { dataDir: string; demoDir: string; port: number; host: string }

const DEFAULT_PORT = 8787
const LAST_PORT = 65_535

/** @throws Error in words for the operator */
export const readSettings = (root: string, env: NodeJS.ProcessEnv): LocalSettings => {
  const given = env['BRIDGE_DATA_DIR'] || 'data'
  const dataDir = isAbsolute(given) ? given : join(root, given)
  const port = Number(env['PORT'] || DEFAULT_PORT)
  if (!Number.isInteger(port) || port < 0 || port > LAST_PORT) throw new Error(`PORT=${env['PORT']} is no port: 0 to ${LAST_PORT}`)
  return { dataDir, demoDir: join(dataDir, 'demo'), port, host: env['HOST'] || '127.0.0.1' }
}
