import { execFileSync } from 'node:child_process'

type Listed = {
  pgid: number
  args: string
}

/** Every running process. Zombies are left out, because a container's init may never reap them. */
const listRunning = (): Listed[] =>
  execFileSync('ps', ['-eo', 'pgid=,stat=,args='], { encoding: 'utf8' })
    .split('\n')
    .map((line) => /^\s*(\d+)\s+(\S+)\s+(.*)$/.exec(line))
    .flatMap((match) => (match && !match[2]?.startsWith('Z') ? [{ pgid: Number(match[1]), args: match[3] ?? '' }] : []))

/** Command lines of the members of a process group. */
export const livingMembers = (pgid: number): string[] => listRunning().flatMap((process) => (process.pgid === pgid ? [process.args] : []))

/** Command lines that contain a text, in any process group. */
export const runningWith = (text: string): string[] => listRunning().flatMap(({ args }) => (args.includes(text) ? [args] : []))
