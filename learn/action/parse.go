package action

import (
	"encoding/json"
	"strings"
	"unicode/utf8"

	"lathe/learn"
)

const (
	// maxCommand is the longest command line, in bytes, that is parsed; longer
	// ones keep their (cut) raw text.
	maxCommand = 256 << 10
	// maxSkeleton caps a skeleton, in bytes.
	maxSkeleton = 4096
	// maxNesting caps brackets within brackets: the parser is recursive.
	maxNesting = 200
	// maxList caps each of the lists of an Action.
	maxList = 200
	// maxValue caps the text of one argument, in bytes.
	maxValue = 8192
)

// Parse says what the event's tool call does. It never fails: what it does not
// understand gets the intent "other".
func Parse(ev *learn.ActionOutcome) learn.Action {
	if ev == nil {
		return learn.Action{Intent: learn.IntentOther}
	}
	params := decodeParams(ev.ToolParameters)
	name := baseName(ev.ToolName)
	if shellTools[name] {
		if command, ok := commandOf(params); ok {
			act := ParseCommand(command)
			act.Tool = ev.ToolName
			return act
		}
	}
	if command, ok := commandLine(ev.ToolName, name, ev.ToolParameters, params); ok {
		act := ParseCommand(command)
		act.Tool = ev.ToolName
		return act
	}
	act := structured(ev.ToolName, name, params)
	if ev.ActionType == learn.LLMInference {
		act.Intent = learn.IntentOther
	}
	return act
}

// ParseCommand says what a shell command line does. The Action's Tool is
// "bash".
func ParseCommand(command string) learn.Action {
	act := learn.Action{Tool: "bash", Intent: learn.IntentOther, Command: command}
	clean := strings.ToValidUTF8(strings.TrimSpace(command), "\uFFFD")
	if clean == "" {
		return act
	}
	s := &shell{}
	skeleton, ok := s.render(clean, 0)
	if !ok {
		act.Skeleton = cut(clean, maxSkeleton)
		act.Intent, act.Program = guess(clean)
		if act.Program != "" {
			act.Programs = []string{act.Program}
		}
		return act
	}
	act.Skeleton, act.Arguments = s.resolve(skeleton)
	act.Programs = unique(s.programs)
	act.Writes = unique(s.writes)
	if best, ok := s.salient(); ok {
		act.Intent, act.Program, act.Target = best.intent, best.program, best.target
	}
	act.Entities = commandEntities(s, act.Arguments)
	return act
}

// decodeParams gives the parameters as an object; nil when they are none.
func decodeParams(raw json.RawMessage) map[string]any {
	if len(raw) == 0 || len(raw) > 8<<20 {
		return nil
	}
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		return nil
	}
	switch v := v.(type) {
	case map[string]any:
		return v
	case string: // arguments as a JSON document in a string, as OpenAI sends them
		var m map[string]any
		if json.Unmarshal([]byte(v), &m) == nil {
			return m
		}
		return map[string]any{"command": v}
	}
	return nil
}

// commandOf finds the command line among a shell tool's parameters. An argument
// vector becomes one line.
func commandOf(params map[string]any) (string, bool) {
	for _, key := range []string{"command", "cmd", "script", "code", "commands", "input", "keystrokes"} {
		switch v := params[key].(type) {
		case string:
			return v, true
		case []any:
			if line, ok := vectorLine(v); ok {
				return line, true
			}
		}
	}
	return "", false
}

// vectorLine quotes an argument vector; [sh -c LINE] is LINE.
func vectorLine(v []any) (string, bool) {
	words := make([]string, 0, len(v))
	for _, item := range v {
		s, ok := item.(string)
		if !ok {
			return "", false
		}
		words = append(words, s)
	}
	if len(words) == 3 && shells[pathBase(words[0])] && strings.HasSuffix(words[1], "c") {
		return words[2], true
	}
	for i, w := range words {
		if strings.ContainsAny(w, " \t\n'\"\\$`&|;<>()*?[]{}~#!") || w == "" {
			words[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(words, " "), len(words) > 0
}

// guess reads intent and program of a line that does not parse.
func guess(command string) (learn.Intent, string) {
	words := strings.Fields(cut(command, 512))
	for i := 0; i < len(words); i++ {
		c := newSimple(words[i:])
		if c.program != "" && known(c.program) {
			return c.intent, c.program
		}
		if i > 8 {
			break
		}
	}
	return learn.IntentOther, ""
}

// cut shortens s to at most n bytes at a rune boundary.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// unique keeps the first of equal strings, in order, and at most maxList.
func unique(in []string) []string {
	var out []string
	seen := make(map[string]bool, len(in))
	for _, s := range in {
		if s == "" || seen[s] || len(out) == maxList {
			continue
		}
		seen[s] = true
		out = append(out, s)
	}
	return out
}

// pathBase is the last element of a slash-separated path.
func pathBase(p string) string { return p[strings.LastIndexByte(p, '/')+1:] }
