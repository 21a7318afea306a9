package action

import (
	"encoding/json"
	"slices"
	"strings"
)

// Any MCP server may have a tool that runs a command line, under any name. What
// tells it is the shape of its arguments: the line, as a text or as an argument
// vector, and beside it only what says how to run it here. A tool that is also
// told where to send the line, or what it is about, has a language of its own.

// lineKeys hold the command line of such a tool (see snake).
var lineKeys = set("command", "cmd", "script", "command_line", "commandline", "shell_command", "bash_command")

// runKeys say how a line is run.
var runKeys = set("cwd", "workdir", "work_dir", "working_dir", "working_directory", "workingdirectory", "dir", "directory", "cd",
	"timeout", "timeout_ms", "timeout_s", "timeout_sec", "timeout_seconds", "timeout_secs", "max_time", "yield_time_ms",
	"description", "explanation", "reason", "purpose", "justification", "title",
	"env", "environment", "env_vars", "shell", "login", "tty", "pty", "stdin",
	"background", "is_background", "run_in_background", "async", "wait", "blocking", "detach",
	"max_output", "max_output_tokens", "max_output_length", "max_lines", "max_bytes",
	"session_id", "terminal_id", "shell_id", "safe_to_auto_run", "requires_approval", "with_escalated_permissions", "sandbox_permissions")

// runWords in a tool's name say that it runs something, otherWords that what it
// runs is no shell's: another machine's, a device's, or another language.
var (
	runWords   = set("run", "exec", "execute", "shell", "bash", "sh", "zsh", "terminal", "subprocess", "process", "cmd", "commandline", "cli")
	otherWords = set("send", "device", "router", "switch", "firewall", "serial", "modem", "uart", "gpio", "plc", "robot", "printer", "adb", "telnet", "ssh", "remote",
		"sql", "sqlite", "postgres", "mysql", "db", "database", "query", "redis", "mongo", "mongodb", "influx", "cypher",
		"browser", "playwright", "puppeteer", "chat", "slack", "discord", "telegram", "slash", "game", "minecraft", "rcon",
		"vim", "nvim", "emacs", "editor", "vscode", "gdb", "lldb", "debugger", "repl", "python", "ipython", "js", "javascript", "ruby", "lua", "applescript", "powershell", "blender", "unity")
)

// commandLine returns the command line that a call of a tool of unknown name
// runs, if by its arguments that is what it does.
func commandLine(tool, name string, raw json.RawMessage, params map[string]any) (string, bool) {
	if _, named := toolIntent[name]; named || len(params) == 0 || !isObject(raw) {
		return "", false
	}
	line, ok := lineOf(params)
	if !ok || strings.TrimSpace(line) == "" {
		return "", false
	}
	if _, editor := editorCommand(params); editor {
		return "", false
	}
	words := strings.FieldsFunc(snake(cut(tool, 256)), func(r rune) bool { return r == '_' || r == '.' || r == '/' || r == ':' })
	if slices.ContainsFunc(words, func(w string) bool { return otherWords[w] }) {
		return "", false
	}
	runs := slices.ContainsFunc(strings.Split(name, "_"), func(w string) bool { return runWords[w] })
	return line, runs || shellLike(line)
}

// isObject leaves out bare texts, which decodeParams calls a command.
func isObject(raw json.RawMessage) bool {
	s := strings.TrimSpace(string(raw[:min(len(raw), 64)]))
	return strings.HasPrefix(s, "{") || strings.HasPrefix(s, `"{`)
}

// lineOf finds the line where the arguments have the shape of a shell's.
func lineOf(params map[string]any) (line string, ok bool) {
	var args []any
	for key, v := range params {
		switch k := snake(cut(key, 80)); {
		case k == "args" || k == "arguments" || k == "argv":
			if args, ok = v.([]any); !ok && v != nil {
				return "", false
			}
		case lineKeys[k]:
			if line != "" {
				return "", false
			}
			switch v := v.(type) {
			case string:
				line = v
			case []any:
				line, _ = vectorLine(v)
			}
		case !runKeys[k]:
			return "", false
		}
	}
	if line == "" || len(args) == 0 {
		return line, line != ""
	}
	rest, ok := vectorLine(args)
	return line + " " + rest, ok
}

// shellLike reports whether a line begins with a program that shells are known
// to run, or is put together as only a shell takes it.
func shellLike(line string) bool {
	s := &shell{}
	if _, ok := s.render(strings.ToValidUTF8(strings.TrimSpace(line), "\uFFFD"), 0); !ok || len(s.simple) == 0 {
		return false
	}
	if len(s.simple) > 1 && strings.ContainsAny(line, "|&;") {
		return true
	}
	c := s.simple[0]
	p := stem(c.program)
	return known(p) || python.MatchString(c.program) || shells[p] || filters[p] || quiet[p] || wrapped(c.words[0]) || strings.HasPrefix(c.words[c.start], "./")
}
