import { BridgeError } from '@codex-bridge/contracts'

/** Oldest server that works at all, and oldest whose optimistic concurrency holds in a cluster (docs/adr/0003). */
const OLDEST_SINGLE = [2, 9, 0]
const OLDEST_CLUSTERED = [2, 10, 27]

export type ServerFacts = { version: string; cluster?: string; jetstream?: boolean }

/** Throws `bus_unavailable` with a line that says what is wrong and what is needed. */
export const assertServerSupported = (info: ServerFacts | undefined): void => {
  if (!info) throw new BridgeError('bus_unavailable', 'NATS did not introduce itself')
  if (info.jetstream !== true) throw new BridgeError('bus_unavailable', 'NATS runs without JetStream; start it with -js')
  const oldest = info.cluster ? OLDEST_CLUSTERED : OLDEST_SINGLE
  if (!atLeast(info.version, oldest)) {
    throw new BridgeError(
      'bus_unavailable',
      `NATS ${info.version} ${info.cluster ? 'in a cluster ' : ''}is not supported: ${oldest.join('.')} or newer is needed`,
    )
  }
}

/** Compares dotted versions; a suffix such as `-beta` is ignored. */
export const atLeast = (version: string, oldest: readonly number[]): boolean => {
  const parts = version.split('-')[0]?.split('.').map(Number) ?? []
  for (const [index, wanted] of oldest.entries()) {
    const have = parts[index] ?? 0
    if (have !== wanted) return have > wanted
  }
  return true
}
