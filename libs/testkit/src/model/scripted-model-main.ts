#!/usr/bin/env node
/**
 * The scripted model as a process of its own. Environment: PORT (default any free one), MODEL_PACE_MS (default 0),
 * MODEL_EXIT_ON_STDIN_CLOSE=1 to exit when its stdin closes. Prints `{"url":…,"baseUrl":…}` on one line when ready.
 */
import { startScriptedModel } from './scripted-model.ts'

const model = await startScriptedModel({
  port: Number(process.env['PORT'] ?? 0),
  paceMs: Number(process.env['MODEL_PACE_MS'] ?? 0),
})

let stopping = false
const stop = async (): Promise<void> => {
  if (!stopping) {
    stopping = true
    await model.close()
    process.exit(0)
  }
}

process.once('SIGTERM', stop)
process.once('SIGINT', stop)
if (process.env['MODEL_EXIT_ON_STDIN_CLOSE'] === '1') process.stdin.on('end', stop).on('error', stop).resume()
process.stdout.write(`${JSON.stringify({ url: model.url, baseUrl: model.baseUrl })}\n`)
