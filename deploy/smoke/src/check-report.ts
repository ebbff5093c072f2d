/** A check failed, so the rest of its flow is skipped. */
class FlowBroken extends Error {}

export type Say = (line: string) => void

/** Runs checks one after the other, prints a line with the time of each, and counts them. One deadline bounds them all. */
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

  /** Runs one check. If it fails, the rest of its flow is skipped. */
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

  /** Reports what is not checked, and why. */
  leaveOut(what: string, why: string): void {
    this.#say(`left out  ${what}: ${why}`)
  }

  note(line: string): void {
    this.#say(line)
  }

  /** Runs a flow up to its first failed check. @returns false if a check failed */
  async flow(title: string, run: () => Promise<void>): Promise<boolean> {
    this.#say(`\n${title}`)
    try {
      await run()
      return true
    } catch (error) {
      if (!(error instanceof FlowBroken)) throw error
      this.leaveOut('the rest of this flow', `it depends on "${error.message}"`)
      return false
    }
  }

  async #bounded<T>(work: () => Promise<T>): Promise<T> {
    const leftMs = this.#deadline - performance.now()
    if (leftMs <= 0) throw new Error('not run: the time for the whole run is over')
    let timer: NodeJS.Timeout | undefined
    const over = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error('the time for the whole run is over')), leftMs)
    })
    try {
      return await Promise.race([work(), over])
    } finally {
      clearTimeout(timer)
    }
  }
}
