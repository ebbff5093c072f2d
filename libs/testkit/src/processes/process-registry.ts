import { signalGroup } from '@codex-bridge/platform'
import { onProcessEnd } from './process-end.ts'

const liveGroups = new Set<number>()
let endHookInstalled = false

const killEveryGroup = (): void => {
  for (const groupId of liveGroups) signalGroup(groupId, 'SIGKILL')
  liveGroups.clear()
}

/** Adds a process group to those that are killed when this process ends. */
export const registerGroup = (groupId: number): void => {
  if (!endHookInstalled) {
    endHookInstalled = true
    onProcessEnd(killEveryGroup)
  }
  liveGroups.add(groupId)
}

/** Removes a process group. Needed once its leader is gone, because the system may reuse the number. */
export const unregisterGroup = (groupId: number): void => {
  liveGroups.delete(groupId)
}
