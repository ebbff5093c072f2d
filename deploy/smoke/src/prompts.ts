/** Prompts that a scripted model follows by their directives, and a real model by their words. */

/** Answered with WORD and nothing else. */
export const SHORT = `This is a smoke test. Answer with the single word heliotrope and run nothing.
#say heliotrope`
export const WORD = 'heliotrope'

/** Runs long enough to be steered and interrupted. */
export const LONG = `This is a smoke test. Write the numbers from 1 to 2000 as words, one per line, and run nothing.
#sleep 60000
#say late`

export const STEER = 'Begin at 500'

/** For the scripted model only: runs a command outside the sandbox and reports its result. */
export const asking = (command: string): string => `#ask-run ${command}\n#say {result}`
