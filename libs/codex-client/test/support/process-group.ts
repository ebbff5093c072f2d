import { execFileSync } from 'node:child_process'

interface Listed {
  pgid: number
  args: string
}

/** Every process that still runs. Zombies are left out: a container's init may never reap them. */
function listRunning(): Listed[] {
  return execFileSync('ps', ['-eo', 'pgid=,stat=,args='], { encoding: 'utf8' })
    .split('\n')
    .map((line) => /^\s*(\d+)\s+(\S+)\s+(.*)$/.exec(line))
    .flatMap((match) => (match && !match[2]?.startsWith('Z') ? [{ pgid: Number(match[1]), args: match[3] ?? '' }] : []))
}

/** Command lines of the members of a process group. */
export function livingMembers(pgid: number): string[] {
  return listRunning().flatMap((process) => (process.pgid === pgid ? [process.args] : []))
}

/** Command lines that contain a text, in any process group. */
export function runningWith(text: string): string[] {
  return listRunning().flatMap(({ args }) => (args.includes(text) ? [args] : []))
}
