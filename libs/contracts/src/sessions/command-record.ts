import { type Static, Type } from 'typebox'

/** How many finished commands an aggregate remembers for idempotent retries. Every event carries them, so the list is short. */
export const COMMANDS_REMEMBERED = 16

/**
 * A command an aggregate has accepted. `fingerprint` is a hash of verb and body: the same id with another fingerprint is
 * a reused key and is refused. `answer` is the small part of the first answer that a retry needs.
 */
export const CommandRecord = Type.Object({
  commandId: Type.String(),
  fingerprint: Type.String(),
  verb: Type.String(),
  answer: Type.Record(Type.String(), Type.Unknown()),
})
export type CommandRecord = Static<typeof CommandRecord>

/** Appends a record, forgetting the oldest beyond the limit; the same id replaces its earlier record. */
export const rememberCommand = (records: readonly CommandRecord[], record: CommandRecord): CommandRecord[] =>
  [...records.filter((known) => known.commandId !== record.commandId), record].slice(-COMMANDS_REMEMBERED)
