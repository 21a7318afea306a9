package intake

import (
	"encoding/json"
	"strings"

	"lathe/learn"
)

// sweTools are the commands of SWE-agent's own interface, which look like shell
// commands and are none: what stands after them is text, not more commands. The
// names of their parameters are in order; the last takes the rest of the line.
var sweTools = map[string][]string{
	"open": {"path", "line"}, "goto": {"line"}, "scroll_up": nil, "scroll_down": nil, "create": {"path"},
	"search_dir": {"pattern", "directory"}, "search_file": {"pattern", "path"}, "find_file": {"pattern", "directory"},
	"edit": nil, "insert": nil, "append": nil, "undo_edit": {"path"}, "submit": nil, "exit_cost": nil, "exit_context": nil,
	"exit_format": nil, "exit_forfeit": nil, "str_replace_editor": {"command", "path"}, "view": {"path"},
}

// sweAction reads an action of SWE-agent: a tool of its own, or a command at its
// shell. file is the one that is open in its editor.
func sweAction(text, file string) (tool string, parameters json.RawMessage) {
	text = strings.TrimSpace(text)
	first, body, _ := strings.Cut(text, "\n")
	words := shellWords(first)
	if len(words) == 0 {
		return "bash", command(text)
	}
	names, ok := sweTools[words[0]]
	if !ok {
		return "bash", command(text)
	}
	params := map[string]any{}
	rest := words[1:]
	for i, name := range names {
		if i < len(rest) && !strings.HasPrefix(rest[i], "--") {
			params[name] = rest[i]
		}
	}
	switch words[0] {
	case "edit", "insert", "append":
		if file != "" {
			params["path"] = file
		}
		if len(rest) > 0 {
			params["where"] = rest[0]
		}
		params["text"] = strings.TrimSuffix(strings.TrimSpace(body), "end_of_edit")
		if body == "" && len(rest) > 1 { // the later form: what to replace, by what
			params["where"], params["text"] = rest[0], rest[1]
		}
	}
	raw, err := json.Marshal(params)
	if err != nil { // strings always marshal
		return "bash", command(text)
	}
	return words[0], raw
}

// shellWords splits a line at blanks outside quotes, and takes the quotes away.
func shellWords(line string) []string {
	var out []string
	var word strings.Builder
	quote, inside := byte(0), false
	for i := 0; i < len(line); i++ {
		switch c := line[i]; {
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			word.WriteByte(c)
		case c == '\'' || c == '"':
			quote, inside = c, true
		case c == ' ' || c == '\t':
			if inside {
				out = append(out, word.String())
			}
			word.Reset()
			inside = false
		default:
			word.WriteByte(c)
			inside = true
		}
	}
	if inside {
		out = append(out, word.String())
	}
	return out
}

// sweFailed reports whether an observation is a refusal of SWE-agent's own
// tools.
func sweFailed(tool, observation string) bool {
	if tool == "bash" {
		return false
	}
	text := strings.TrimSpace(observation)
	for _, refusal := range []string{
		"Your proposed edit has introduced new syntax error", "Your edit was not applied", "No edit was made", "Text not found",
		"Usage: ", "usage: ", "Error: ", "ERROR: ", "No file open", "File not found", "File ", "No replacement was performed",
	} {
		if strings.HasPrefix(text, refusal) && (refusal != "File " || strings.Contains(text, " not found") || strings.Contains(text, "does not exist")) {
			return true
		}
	}
	return false
}

// openFileOf is the file that an action leaves open in the editor, or was.
func openFileOf(tool string, parameters json.RawMessage, was string) string {
	if tool != "open" && tool != "create" {
		return was
	}
	var p struct {
		Path string `json:"path"`
	}
	if json.Unmarshal(parameters, &p) != nil || p.Path == "" {
		return was
	}
	return p.Path
}

// asSWETool makes the call of a shell what it is: a call of one of SWE-agent's
// own tools, where it is one.
func asSWETool(a *learn.ActionOutcome, text, file string) string {
	a.ToolName, a.ToolParameters = sweAction(text, file)
	if a.Status == learn.StatusSuccess && sweFailed(a.ToolName, a.ToolOutput.Stdout) {
		a.Status = learn.StatusFailure
	}
	return openFileOf(a.ToolName, a.ToolParameters, file)
}
