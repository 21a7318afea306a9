package connect

// opencodePlugin is Lathe's plugin in opencode: it hands each tool's call to
// the hook program and puts the advice behind the tool's output. It waits no
// longer than two seconds and never fails a call by itself.
func opencodePlugin(l Lathe) string {
	words := []string{l.Hook}
	before := `["before"]`
	if l.Hook == "" {
		words, before = []string{l.Program, "hook"}, "[]"
	}
	words = append(append(words, l.data()...), "opencode")
	return `import { spawn } from "node:child_process";

const command = ` + string(value(words)) + `;

function hook(event, more = []) {
  return new Promise((resolve) => {
    let out = "";
    const done = () => {
      clearTimeout(timer);
      try { resolve(out ? JSON.parse(out) : {}); } catch { resolve({}); }
    };
    let child;
    const timer = setTimeout(() => { if (child) child.kill(); done(); }, 2000);
    try {
      child = spawn(command[0], [...command.slice(1), ...more], { stdio: ["pipe", "pipe", "ignore"] });
      child.on("error", done);
      child.on("close", done);
      child.stdin.on("error", () => {});
      child.stdout.on("data", (d) => { out += d; });
      child.stdin.end(JSON.stringify(event));
    } catch { done(); }
  });
}

export const Lathe = async ({ directory }) => {
  const calls = new Map();
  const told = new Set();
  const base = (name, session) => ({ hook_event_name: name, session_id: session, cwd: directory });
  const once = (id) => {
    if (told.has(id)) return false;
    if (told.size > 1000) told.clear();
    told.add(id);
    return true;
  };
  return {
    "tool.execute.before": async (input, output) => {
      if (calls.size > 1000) calls.clear();
      calls.set(input.callID, output.args);
      const event = { ...base("tool.execute.before", input.sessionID), tool: input.tool, call_id: input.callID, args: output.args };
      const answer = input.tool === "bash" ? await hook(event, ` + before + `) : {};
      if (answer.deny) throw new Error(answer.deny);
    },
    "tool.execute.after": async (input, output) => {
      const args = input.args ?? calls.get(input.callID);
      calls.delete(input.callID);
      const event = { ...base("tool.execute.after", input.sessionID), tool: input.tool, call_id: input.callID, args, result: output };
      const answer = await hook(event);
      if (answer.context && typeof output.output === "string") output.output += "\n\n" + answer.context;
    },
    event: async ({ event }) => {
      const part = event.type === "message.part.updated" ? event.properties?.part : undefined;
      if (part?.type === "tool" && part.state?.status === "error" && once(part.callID)) {
        await hook({ ...base("tool.execute.error", part.sessionID), tool: part.tool, call_id: part.callID, args: part.state.input, error: String(part.state.error) });
      }
    },
    "chat.message": async (input, output) => {
      const prompt = (output.parts ?? []).filter((p) => p.type === "text").map((p) => p.text).join("\n");
      if (prompt) await hook({ ...base("chat.message", input.sessionID), prompt });
    },
  };
};
`
}
