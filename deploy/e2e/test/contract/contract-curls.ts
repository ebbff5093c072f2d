/** The commands of the contract, character for character, in the order of its flows. Of two equal ones the first is here. */
export const CURLS = {
  health: 'curl -s http://127.0.0.1:8787/health | jq',
  webhooks: [
    `curl -s -X POST http://127.0.0.1:8787/webhooks \\
  -H 'content-type: application/json' \\
  -d '{
    "url":"https://ops.example/global",
    "events":["*"],
    "enabled":true
}' | jq`,
    `curl -s -X POST http://127.0.0.1:8787/webhooks \\
  -H 'content-type: application/json' \\
  -d '{
    "url":"https://worker.example/lane-123",
    "events":["lane.completed","lane.approval.requested"],
    "scope":{"laneId":"lane-123"}
}' | jq`,
    `curl -s -X POST http://127.0.0.1:8787/webhooks \\
  -H 'content-type: application/json' \\
  -d '{
    "url":"https://worker.example/multi",
    "events":["lane.*"],
    "scope":{"laneIds":["lane-a","lane-b","lane-c"]}
}' | jq`,
    `curl -s -X POST http://127.0.0.1:8787/webhooks \\
  -H 'content-type: application/json' \\
  -d '{
    "url":"https://worker.example/thread-owner",
    "events":["lane.turn.completed","lane.completed"],
    "scope":{"threadId":"thread_abc"}
}' | jq`,
    `curl -s -X POST http://127.0.0.1:8787/webhooks \\
  -H 'content-type: application/json' \\
  -d '{
    "url":"https://worker.example/hybrid",
    "events":["lane.turn.completed"],
    "scope":{
      "laneIds":["lane-xyz"],
      "threadIds":["thread-xyz"],
      "sessionIds":["lane-xyz"]
}
}' | jq`,
    `curl -s -X POST http://127.0.0.1:8787/webhooks \\
  -H 'content-type: application/json' \\
  -d '{
    "url":"https://example.com/hook",
    "events":["lane.session.started","lane.completed","lane.approval.requested"],
    "enabled":true
}' | jq`,
  ],
  startVisible: `curl -s -X POST http://127.0.0.1:8787/codex/workflows/start-visible \\
  -H 'content-type: application/json' \\
  -d '{
    "laneId":"lane-new",
    "title":"Bridge managed lane",
    "kickoffPrompt":"Review current branch and summarize status",
    "preferredSurface":"any",
    "requirePreferredSurface":false,
    "readinessMode":"lenient"
}' | jq`,
  active: `curl -s 'http://127.0.0.1:8787/codex/active?windowSec=3600&preferredSurface=mac-app&preferOriginator=Codex%20Desktop' | jq`,
  attachAny: `curl -s -X POST http://127.0.0.1:8787/lanes/attach \\
  -H 'content-type: application/json' \\
  -d '{
    "laneId":"lane-takeover",
    "threadId":"<thread-id>",
    "preferredSurface":"any",
    "requirePreferredSurface":false,
    "readinessMode":"strict"
}' | jq`,
  attachDesktop: `curl -s -X POST http://127.0.0.1:8787/lanes/attach \\
  -H 'content-type: application/json' \\
  -d '{
    "laneId":"lane-desktop",
    "threadId":"<thread-id>",
    "preferredSurface":"mac-app",
    "requirePreferredSurface":true,
    "readinessMode":"strict"
}' | jq`,
  takeOver: `curl -s -X POST http://127.0.0.1:8787/codex/workflows/start-visible \\
  -H 'content-type: application/json' \\
  -d '{
    "laneId":"lane-takeover",
    "threadId":"<thread-id>",
    "preferredSurface":"any",
    "requirePreferredSurface":false,
    "readinessMode":"lenient"
}' | jq`,
  startTakeover: 'curl -s -X POST http://127.0.0.1:8787/lanes/lane-takeover/session/start | jq',
  startDesktop: 'curl -s -X POST http://127.0.0.1:8787/lanes/lane-desktop/session/start | jq',
  driveTakeover: [
    `curl -s -X POST http://127.0.0.1:8787/lanes/lane-takeover/prompt \\
  -H 'content-type: application/json' \\
  -d '{"input":"continue execution"}' | jq`,
    `curl -s -X POST http://127.0.0.1:8787/lanes/lane-takeover/steer \\
  -H 'content-type: application/json' \\
  -d '{"input":"narrow to failing tests"}' | jq`,
    `curl -s -X POST http://127.0.0.1:8787/lanes/lane-takeover/interrupt \\
  -H 'content-type: application/json' \\
  -d '{}' | jq`,
  ],
  driveDesktop: [
    `curl -s -X POST http://127.0.0.1:8787/lanes/lane-desktop/prompt \\
  -H 'content-type: application/json' \\
  -d '{"input":"Continue from latest plan and execute tests"}' | jq`,
    `curl -s -X POST http://127.0.0.1:8787/lanes/lane-desktop/steer \\
  -H 'content-type: application/json' \\
  -d '{"input":"Narrow scope to lint/type errors first"}' | jq`,
    `curl -s -X POST http://127.0.0.1:8787/lanes/lane-desktop/interrupt \\
  -H 'content-type: application/json' \\
  -d '{}' | jq`,
  ],
  cleanup: `curl -s -X POST http://127.0.0.1:8787/lanes/cleanup \\
  -H 'content-type: application/json' \\
  -d '{
    "statuses":["blocked","done","failed","interrupted"],
    "olderThanHours":12,
    "syntheticOnly":false,
    "limit":250,
    "dryRun":false
}' | jq`,
  reconcile: `curl -s -X POST http://127.0.0.1:8787/debug/reconcile-stale \\
  -H 'content-type: application/json' \\
  -d '{}' | jq`,
} as const

/** What a printed command sends. */
export type PrintedRequest = { method: 'GET' | 'POST'; path: string; headers: Record<string, string>; body: string | undefined }

/** Reads a printed command as a shell and curl would, as far as the contract goes. */
export const readCurl = (printed: string, threadId = ''): PrintedRequest => {
  const text = printed.replaceAll('<thread-id>', threadId)
  const url = /https?:\/\/[^/]+(\/[^\s']*)/.exec(text)?.[1]
  if (url === undefined) throw new Error(`no address in ${printed}`)
  const headers = [...text.matchAll(/-H '([^:']+): ([^']*)'/g)].map(([, name, value]) => [name ?? '', value ?? ''])
  const body = /-d '([\s\S]*?)'\s*(\||$)/.exec(text)?.[1]
  return { method: /-X POST/.test(text) ? 'POST' : 'GET', path: url, headers: Object.fromEntries(headers), body }
}
