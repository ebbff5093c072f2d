import { readdirSync, readFileSync } from 'node:fs'

/** The body of a stored event, as JSON. Cast it to the event it is a sample of. */
export type EventSample = {
  id: string
  ts: string
  type: string
  laneId: string
  threadId: string | null
  sessionId: string | null
  payload: Record<string, unknown>
  state: Record<string, unknown>
}

const folder = new URL('../../../contracts/test/samples/', import.meta.url)
let samples: EventSample[] | undefined

/** The stored samples of every version of the event log, oldest version first. */
export const eventSamples = (): readonly EventSample[] => {
  samples ??= readdirSync(folder)
    .sort()
    .flatMap((version) =>
      readdirSync(new URL(`${version}/`, folder)).map(
        (file) => JSON.parse(readFileSync(new URL(`${version}/${file}`, folder), 'utf8')) as EventSample,
      ),
    )
  return samples
}

/** A valid event of a type: its newest stored sample, with other payload fields where given. @throws Error without a sample */
export const sampleEvent = (type: string, payload: Record<string, unknown> = {}): EventSample => {
  const sample = eventSamples().findLast((each) => each.type === type)
  if (!sample) throw new Error(`no sample of ${type}`)
  return { ...sample, payload: { ...sample.payload, ...payload } }
}
