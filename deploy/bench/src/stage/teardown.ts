/** What has to be ended at the end, whatever happens: newest first, as later things stand on earlier ones. */
export class Teardown {
  readonly #steps: { what: string; end: () => unknown }[] = []

  add(what: string, end: () => unknown): void {
    this.#steps.push({ what, end })
  }

  /** Runs every step, also after one that failed. @returns what did not end */
  async run(): Promise<string[]> {
    const problems: string[] = []
    for (let step = this.#steps.pop(); step; step = this.#steps.pop()) {
      try {
        await step.end()
      } catch (error) {
        problems.push(`${step.what}: ${error instanceof Error ? error.message : String(error)}`)
      }
    }
    return problems
  }
}
