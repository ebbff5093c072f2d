/**
 * Methods of the app-server that `/codex/rpc` lets through: reading, and what the bridge's own thread and turn routes do. All
 * else leaves the sandbox, changes configuration or login, or is unknown here, and needs `BRIDGE_RPC_UNRESTRICTED=1`.
 */
const ALLOWED: readonly RegExp[] = [
  /^thread\/(start|resume|fork|archive|unarchive|delete|revert|rollback|read|list|search|unsubscribe)$/,
  /^thread\/(loaded|turns|items)\/(list|read)$/,
  /^thread\/(name\/set|metadata\/update|compact\/start|goal\/get|queue\/list)$/,
  /^thread\/backgroundTerminals\/(list|clean)$/,
  /^turn\/(start|steer|interrupt)$/,
  /^review\/start$/,
  /^(model|modelProvider|app|skills|collaborationMode|permissionProfile|mcpServerStatus|experimentalFeature|project|plugin|hooks)\/list$/,
  /^(app|plugin|project)\/read$/,
  /^(account|account\/rateLimits|account\/usage|modelProvider\/capabilities)\/read$/,
  /^server\/diagnostics$/,
]

/** Whether a raw call of this method is refused. */
export const isForbiddenMethod = (method: string): boolean => !ALLOWED.some((pattern) => pattern.test(method))

/** Methods that need no thread loaded in the process they are sent to, and take no writer lock. */
const READING =
  /^(thread\/(read|list|search)|thread\/(loaded|turns|items)\/(list|read)|thread\/(name\/set|metadata\/update)|(model|modelProvider|app|skills|collaborationMode|permissionProfile|mcpServerStatus|experimentalFeature|project|plugin|hooks)\/list|(app|plugin|project|account|account\/rateLimits|account\/usage|modelProvider\/capabilities)\/read|server\/diagnostics)$/

export const isReadingMethod = (method: string): boolean => READING.test(method)

/** Methods that act on a thread their process has loaded. */
export const needsLoadedThread = (method: string): boolean =>
  /^(turn\/|review\/start$|thread\/(compact\/start|revert|rollback|backgroundTerminals\/))/.test(method)
