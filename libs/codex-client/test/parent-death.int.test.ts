import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { isAlive, type ProcessIdentity } from "../src/index.ts";
import { binary, CodexRig } from "./support/codex.rig.ts";
import { compileSources } from "./support/compiled.sources.ts";
import { runningWith } from "./support/process.group.ts";

let sources: ReturnType<typeof compileSources>;
beforeAll(() => {
  sources = compileSources();
});
afterAll(() => {
  sources.remove();
});

/** A process that owns one app-server with a running command, and prints the identity of the app-server. */
function startParent(home: string, workspace: string, command: string) {
  const script = `
    import { AppServerProcess } from ${JSON.stringify(sources.index)};
    const server = await AppServerProcess.start({ binary: ${JSON.stringify(binary)}, codexHome: ${JSON.stringify(home)}, cwd: ${JSON.stringify(workspace)},
      clientInfo: { name: "parent", version: "0" }, peer: { onNotification: (method, params) => {
        if (method === "item/started" && params.item.type === "commandExecution") console.log(JSON.stringify(server.identity));
      } } });
    const { thread } = await server.peer.call("thread/start", { cwd: ${JSON.stringify(workspace)} });
    await server.peer.call("turn/start", { threadId: thread.id, input: [{ type: "text", text: "#run ${command}", text_elements: [] }] });
  `;
  return spawn(process.execPath, ["--input-type=module", "-e", script], { stdio: ["ignore", "pipe", "inherit"] });
}

it.each(["SIGKILL", "SIGTERM", "SIGHUP"] as const)("codex and its command die within 2 s when their parent gets %s", async (signal) => {
  await using rig = await CodexRig.start();
  const command = `sleep 300.${process.pid}2`;
  const parent = startParent(rig.home, rig.workspace, command);
  const [line] = (await once(createInterface(parent.stdout), "line")) as [string];
  const identity = JSON.parse(line) as ProcessIdentity;
  expect(isAlive(identity)).toBe(true);
  await vi.waitFor(() => expect(runningWith(command)).not.toEqual([]), { timeout: 5000 });

  parent.kill(signal);
  await once(parent, "exit");
  await vi.waitFor(() => expect(isAlive(identity)).toBe(false), { timeout: 2000, interval: 10 });
  await vi.waitFor(() => expect(runningWith(command)).toEqual([]), { timeout: 2000 });
});
