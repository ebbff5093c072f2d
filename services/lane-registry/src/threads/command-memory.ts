import { createHash } from 'node:crypto'
import { type Bus, JsonBucket } from '@codex-bridge/bus'
import { BridgeError, BUCKETS } from '@codex-bridge/contracts'
import { ownIdentity, poll, processStatus } from '@codex-bridge/platform'
import type { Logger } from '@codex-bridge/service-kit'
import { type Static, Type } from 'typebox'

/** How often a repetition looks whether the first run has answered, in milliseconds. */
const POLL_MS = 100

/** Who runs a command, so that a repetition can tell that the process is gone. */
const By = Type.Object({ host: Type.String(), pid: Type.Integer(), startTime: Type.Union([Type.Number(), Type.Null()]) })

/** `begun`: it may have run. `unknown`: it may have run, and its answer is lost. */
const CommandRecord = Type.Object({
  fingerprint: Type.String(),
  by: By,
  state: Type.Enum(['begun', 'unknown', 'answered']),
  answer: Type.Optional(Type.Unknown()),
})
type CommandRecord = Static<typeof CommandRecord>

export type CommandMemoryOptions = {
  bus: Bus
  logger: Logger
  /** How long a repetition waits for the answer of a run under way, in milliseconds. */
  timeoutMs: number
}

/**
 * Runs a command on a thread outside every lane at most once, over all registries and restarts. Such a command leaves nothing in the
 * event log, so a bucket remembers it for a day: the intent before it runs, then the answer.
 */
export class CommandMemory {
  readonly #options: CommandMemoryOptions
  readonly #self = ownIdentity()
  #bucket: Promise<JsonBucket<CommandRecord>> | undefined

  constructor(options: CommandMemoryOptions) {
    this.#options = options
  }

  /**
   * @returns the answer of `work`, or of its first run under this id
   * @throws BridgeError `idempotency_key_reused` for another request under the same id; `command_timeout` when it may have run, but its
   *   answer is lost; or what `work` throws
   */
  async run<T>(commandId: string, fingerprint: string, work: () => Promise<T>): Promise<T> {
    const bucket = await this.#open()
    const key = keyOf(commandId)
    for (;;) {
      const begun = await bucket.create(key, { fingerprint, by: this.#self, state: 'begun' })
      if (begun !== undefined) return await this.#first({ bucket, key, fingerprint, revision: begun }, work)
      const answered = await this.#repeated(bucket, key, fingerprint)
      // The bucket has what `work` returned under the same fingerprint, which names verb and request.
      if (answered) return answered.answer as T
    }
  }

  async #first<T>(
    { bucket, key, fingerprint, revision }: { bucket: JsonBucket<CommandRecord>; key: string; fingerprint: string; revision: number },
    work: () => Promise<T>,
  ): Promise<T> {
    try {
      const answer = await work()
      await this.#store(bucket.update(key, { fingerprint, by: this.#self, state: 'answered', answer }, revision))
      return answer
    } catch (error) {
      // A refusal changed nothing and may be tried again. Without an answer it may have run, and must not run twice.
      const isUnknown = MAY_HAVE_RUN.has(BridgeError.from(error).code)
      await this.#store(isUnknown ? bucket.update(key, { fingerprint, by: this.#self, state: 'unknown' }, revision) : bucket.delete(key))
      throw error
    }
  }

  /** @returns undefined when the first run was refused and forgotten meanwhile */
  async #repeated(bucket: JsonBucket<CommandRecord>, key: string, fingerprint: string): Promise<CommandRecord | undefined> {
    const settled = async () => {
      const record = (await bucket.get(key))?.value
      if (record && record.fingerprint !== fingerprint) throw new BridgeError('idempotency_key_reused')
      if (record?.state === 'begun' && processStatus(record.by) !== 'dead') return
      return { record }
    }
    const found = await poll(settled, { timeoutMs: this.#options.timeoutMs, everyMs: POLL_MS })
    if (found && (found.record === undefined || found.record.state === 'answered')) return found.record
    throw new BridgeError('command_timeout', 'The command may have run, but its answer is lost')
  }

  /** What cannot be stored leaves the intent: a repetition is then told that the outcome is unknown. */
  async #store(change: Promise<unknown>): Promise<void> {
    await change.catch((error: unknown) => this.#options.logger.warn({ err: error }, 'outcome of a thread command not stored'))
  }

  #open(): Promise<JsonBucket<CommandRecord>> {
    this.#bucket ??= JsonBucket.open(this.#options.bus, BUCKETS.commands, CommandRecord).catch((error: unknown) => {
      this.#bucket = undefined
      throw error
    })
    return this.#bucket
  }
}

/** Failures after which the command may have run. Any other is a refusal. */
const MAY_HAVE_RUN: ReadonlySet<string> = new Set([
  'command_timeout',
  'codex_timeout',
  'codex_unavailable',
  'bus_unavailable',
  'internal_error',
])

/** Command ids have characters that keys may not have. */
const keyOf = (commandId: string): string => createHash('sha256').update(commandId).digest('hex')
