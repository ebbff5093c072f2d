/** Runs a reactor against a server until it is killed, and prints the sequence of every event it has reacted to. */
import { connectBus, decodeEnvelope, runReactor } from '@codex-bridge/bus'

const [url, name] = process.argv.slice(2)
const bus = await connectBus({ url, role: 'migrator', instance: 'reactor' })
await runReactor({ bus, name, decode: decodeEnvelope, signal: new AbortController().signal }, async ({ seq }) => {
  process.stdout.write(`${seq}\n`)
})
