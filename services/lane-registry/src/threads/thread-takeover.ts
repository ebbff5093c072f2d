import { BridgeError } from '@codex-bridge/contracts'
import type { RunnerSurvey } from '../watch/runner-survey.ts'
import type { ThreadService } from './thread-service.ts'
import type { ThreadFacts } from './thread-snapshot.ts'

/**
 * What is known of a thread that is to be taken over. Before its first turn Codex stores nothing of a thread and says that
 * there is none; but whoever made it has it open, and that can be seen: such a thread exists, and will be ready later.
 * @throws BridgeError `thread_not_found`
 */
export const takenFacts = async (threadId: string, threads: ThreadService, survey: RunnerSurvey): Promise<ThreadFacts> => {
  try {
    return await threads.facts(threadId)
  } catch (error) {
    if (!(error instanceof BridgeError) || error.code !== 'thread_not_found') throw error
    const writer = (await survey.look()).writers.get(threadId)
    if (!writer) throw error
    const surface = writer.surface === 'bridge' ? 'unknown' : writer.surface
    return { title: null, cwd: null, branch: null, surface, updatedAt: null, archived: false }
  }
}
