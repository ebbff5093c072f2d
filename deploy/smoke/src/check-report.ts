/** A check of a flow failed: what follows in the flow stands on it. */
class FlowBroken extends Error {}

export type Say = (line: string) => void

/** Runs checks one after the other, a line with its time for each, and counts. Bounded by a deadline over all. */
export class CheckReport {
  failed = 0
  passed = 0
  readonly #say: Say
  readonly #deadline: number

  /** @param limitMs for all checks together, from now */
  constructor(say: Say, limitMs: number) {
    this.#say = say
    this.#deadline = performance.now() + limitMs
  }

  /** One check. The rest of its flow is not run when it fails. */
  async check<T>(what: string, work: () => Promise<T>): Promise<T> {
    const startedAt = performance.now()
    const took = (): string => `${Math.round(performance.now() - startedAt)} ms`
    try {
      const result = await this.#bounded(work)
      this.passed += 1
      this.#say(`ok        ${what} (${took()})`)
      return result
    } catch (error) {
      this.failed += 1
      this.#say(`FAILED    ${what} (${took()}): ${error instanceof Error ? error.message : String(error)}`)
      throw new FlowBroken(what)
    }
  }

  /** Says what is not checked here, and why. */
  leaveOut(what: string, why: string): void {
    this.#say(`left out  ${what}: ${why}`)
  }

  note(line: string): void {
    this.#say(line)
  }

  /** Runs a flow to its end or to its first failure. @returns whether it came to its end */
  async flow(title: string, run: () => Promise<void>): Promise<boolean> {
    this.#say(`\n${title}`)
    try {
      await run()
      return true
    } catch (error) {
      if (!(error instanceof FlowBroken)) throw error
      this.leaveOut('what follows in this flow', `it stands on "${error.message}"`)
      return false
    }
  }

  async #bounded<T>(work: () => Promise<T>): Promise<T> {
    const leftMs = this.#deadline - performance.now()
    if (leftMs <= 0) throw new Error('not run: the time for the whole test is over')
    let timer: NodeJS.Timeout | undefined
    const over = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error('the time for the whole test is over')), leftMs)
    })
    try {
      return await Promise.race([work(), over])
    } finally {
      clearTimeout(timer)
    }
  }
}
