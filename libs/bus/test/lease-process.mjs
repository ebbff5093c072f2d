/** Takes a lease and holds it until it is killed. */
import { connectBus, LeaseTable } from '@codex-bridge/bus'

const [url, key] = process.argv.slice(2)
const bus = await connectBus({ url, role: 'migrator', instance: 'holder' })
const holder = { id: 'child', instance: `run-${process.pid}`, host: 'here', pid: process.pid, startTime: null }
const table = await LeaseTable.open(bus, holder, () => false)
const lease = await table.acquire(key, () => process.stdout.write('lost\n'))
process.stdout.write(lease ? `held ${lease.epoch}\n` : 'refused\n')
