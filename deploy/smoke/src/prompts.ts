/** Prompts that a scripted model follows by its directives, and a real one by the words. */

/** Answered with {@link WORD} and nothing else. */
export const SHORT = `This is a smoke test. Answer with the single word heliotrope and run nothing.
#say heliotrope`
export const WORD = 'heliotrope'

/** Lasts long enough to be steered and interrupted. */
export const LONG = `This is a smoke test. Write the numbers from 1 to 2000 as words, one per line, and run nothing.
#sleep 60000
#say late`

export const STEER = 'Begin at 500'

/** Of the scripted model only: a command that leaves the sandbox, and what came of it. */
export const asking = (command: string): string => `#ask-run ${command}\n#say {result}`
