package connect

import "encoding/json"

// hookSeconds is how long an agent may wait for a hook. lathe-hook ends within
// two seconds by itself.
const hookSeconds = 5

func agents() []Client {
	return []Client{
		{Name: "claude-code", Title: "Claude Code", Agent: true, Hooks: "claude-code", files: claudeFiles},
		{Name: "codex", Title: "Codex", Agent: true, Hooks: "codex", files: codexFiles,
			Note: "Codex runs new hooks only after you trusted them: type /hooks in it."},
		{Name: "cursor", Title: "Cursor", Agent: true, Hooks: "cursor", files: cursorFiles},
		{Name: "gemini", Title: "Gemini CLI", Agent: true, Hooks: "gemini", files: geminiFiles},
		{Name: "goose", Title: "Goose", Agent: true, files: gooseFiles},
		{Name: "ocode", Title: "ocode", Agent: true, files: ocodeFiles},
		{Name: "opencode", Title: "opencode", Agent: true, Hooks: "opencode", files: opencodeFiles},
		{Name: "vscode", Title: "VS Code", Agent: true, files: vscodeFiles},
		{Name: "zed", Title: "Zed", Agent: true, files: zedFiles},
	}
}

// server is the usual form of an MCP entry.
func server(l Lathe, agent string, more ...pair) json.RawMessage {
	return object(append(more, pair{"command", l.Program}, pair{"args", l.mcp(agent)})...)
}

func setAt(value json.RawMessage, path ...string) []placed { return []placed{{path, value}} }

func mcpFile(path, lang string, value json.RawMessage, at ...string) settingsFile {
	return settingsFile{path, "the MCP server", lang, jsonEdit{set: setAt(value, at...)}}
}

// group is an entry of Claude Code's kind of hooks: a matcher, and one hook.
func group(matcher, command string, timeout int, more ...pair) json.RawMessage {
	hook := object(append(more, pair{"type", "command"}, pair{"command", command}, pair{"timeout", timeout})...)
	list := value([]json.RawMessage{hook})
	if matcher == "" {
		return object(pair{"hooks", list})
	}
	return object(pair{"matcher", matcher}, pair{"hooks", list})
}

// events are hooks by event; the value of an event is its entry.
func events(pairs ...pair) (out []placed) {
	for _, p := range pairs {
		out = append(out, placed{[]string{"hooks", p.key}, value(p.value)})
	}
	return out
}

func claudeFiles(l Lathe, w Where) []settingsFile {
	before, after := l.hook("claude-code", true), l.hook("claude-code", false)
	state := w.under("CLAUDE_CONFIG_DIR", "", ".claude.json")
	return []settingsFile{
		mcpFile(state, "json", server(l, "claude-code", pair{"type", "stdio"}), "mcpServers", "lathe"),
		{w.under("CLAUDE_CONFIG_DIR", ".claude", "settings.json"), "the hooks", "json", jsonEdit{hooks: events(
			pair{"PreToolUse", group("Bash", before, hookSeconds)},
			pair{"PostToolUse", group("*", after, hookSeconds)},
			pair{"PostToolUseFailure", group("*", after, hookSeconds)},
			pair{"UserPromptSubmit", group("", after, hookSeconds)},
			pair{"SessionEnd", group("", after, hookSeconds)},
		)}},
	}
}

func codexFiles(l Lathe, w Where) []settingsFile {
	before, after := l.hook("codex", true), l.hook("codex", false)
	return []settingsFile{
		{w.under("CODEX_HOME", ".codex", "config.toml"), "the MCP server", "toml", tomlEdit{[]string{"mcp_servers", "lathe"},
			"command = " + string(value(l.Program)) + "\nargs = " + string(value(l.mcp("codex"))) + "\n"}},
		{w.under("CODEX_HOME", ".codex", "hooks.json"), "the hooks", "json", jsonEdit{hooks: events(
			pair{"PreToolUse", group("Bash", before, hookSeconds)},
			pair{"PostToolUse", group("", after, hookSeconds)},
			pair{"UserPromptSubmit", group("", after, hookSeconds)},
		)}},
	}
}

func geminiFiles(l Lathe, w Where) []settingsFile {
	before, after := l.hook("gemini", true), l.hook("gemini", false)
	const ms = hookSeconds * 1000
	name := pair{"name", "lathe"}
	return []settingsFile{{w.under("", ".gemini", "settings.json"), "the MCP server and the hooks", "json", jsonEdit{
		set: setAt(server(l, "gemini"), "mcpServers", "lathe"),
		hooks: events(
			pair{"BeforeTool", group("run_shell_command", before, ms, name)},
			pair{"AfterTool", group(".*", after, ms, name)},
			pair{"BeforeAgent", group("", after, ms, name)},
			pair{"SessionEnd", group("", after, ms, name)},
		)}}}
}

func cursorFiles(l Lathe, w Where) []settingsFile {
	before, after := object(pair{"command", l.hook("cursor", true)}), object(pair{"command", l.hook("cursor", false)})
	return []settingsFile{
		mcpFile(w.under("", ".cursor", "mcp.json"), "json", server(l, "cursor"), "mcpServers", "lathe"),
		{w.under("", ".cursor", "hooks.json"), "the hooks", "json", jsonEdit{
			ensure: setAt(value(1), "version"),
			hooks: events(
				pair{"beforeShellExecution", before}, pair{"postToolUse", after}, pair{"postToolUseFailure", after},
				pair{"beforeSubmitPrompt", after}, pair{"sessionEnd", after},
			)}},
	}
}

func gooseFiles(l Lathe, w Where) []settingsFile {
	return []settingsFile{{w.config("goose", "config.yaml"), "the MCP server", "yaml", yamlEdit{"extensions", "lathe",
		"enabled: true\nname: lathe\ntype: stdio\ncmd: " + string(value(l.Program)) + "\nargs: " + string(value(l.mcp("goose"))) + "\nenvs: {}\ntimeout: 300\n"}}}
}

func ocodeFiles(l Lathe, w Where) []settingsFile {
	return []settingsFile{mcpFile(w.under("", ".ocode", "settings.json"), "json", server(l, "ocode"), "mcp_servers", "lathe")}
}

func opencodeFiles(l Lathe, w Where) []settingsFile {
	command := append([]string{l.Program}, l.mcp("opencode")...)
	return []settingsFile{
		mcpFile(w.config("opencode", "opencode.json"), "json", object(pair{"type", "local"}, pair{"command", command}, pair{"enabled", true}), "mcp", "lathe"),
		{w.config("opencode", "plugin", "lathe.js"), "the hooks, as a plugin", "js", fileEdit{
			"// Written by lathe connect opencode; lathe connect opencode --remove takes it away.", opencodePlugin(l)}},
	}
}

func vscodeFiles(l Lathe, w Where) []settingsFile {
	path := w.config("Code", "User", "mcp.json")
	if w.os() == "darwin" {
		path = w.under("", "Library", "Application Support", "Code", "User", "mcp.json")
	}
	return []settingsFile{mcpFile(path, "json", server(l, "vscode", pair{"type", "stdio"}), "servers", "lathe")}
}

func zedFiles(l Lathe, w Where) []settingsFile {
	return []settingsFile{mcpFile(w.config("zed", "settings.json"), "json", server(l, "zed", pair{"source", "custom"}), "context_servers", "lathe")}
}
