package lsp

import (
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// Fault is one thing that is wrong in a plan's text.
type Fault struct {
	Line, Column int    // from 1; columns count characters
	What         string // plain text, with what to do
}

// Plans knows the language of plan templates. Its methods are called
// concurrently, and answer from memory.
type Plans interface {
	// Check finds what is wrong with a plan template's text.
	Check(path string, text []byte) []Fault
	// Schema is the JSON Schema of a plan template.
	Schema() []byte
	// Tools are the tools that a plan in the workspace root can call.
	Tools(root string) []PlanTool
	// Values are what is usual for a member that the schema leaves open, named
	// by its path with a star for each index or id, such as
	// "tasks/*/preconditions/*/kind".
	Values(root, member string) []string
}

// PlanTool is a tool as completion offers it.
type PlanTool struct {
	Name      string
	Detail    string   // plain text, one line
	Arguments []string // names
}

// isPlan reports whether a file is a plan template.
func isPlan(path string) bool {
	return strings.HasSuffix(path, ".json") && strings.HasSuffix(filepath.ToSlash(filepath.Dir(path)), "/.ocode/plans")
}

// checkPlan looks at a plan's text unless this was done since its last change.
// It holds mu only to read and to write.
func (c *connection) checkPlan(d *document) {
	if c.server.o.Plans == nil || d == nil || !isPlan(d.paths[0]) {
		return
	}
	c.mu.Lock()
	edits, known := d.edits, d.lines != nil
	text := ""
	if known && d.checked != edits {
		text = d.text()
	}
	done := !known || d.checked == edits
	c.mu.Unlock()
	if done {
		return
	}
	faults := c.server.o.Plans.Check(d.paths[0], []byte(text))
	c.mu.Lock()
	defer c.mu.Unlock()
	if d.edits == edits { // else the next look is under way
		d.faults, d.checked = faults, edits
	}
}

// markOf is the place of a fault: the word or string that begins there.
func (d *document) markOf(f Fault) mark {
	if d.lines == nil {
		return mark{}
	}
	i := min(max(f.Line-1, 0), len(d.lines)-1)
	line := content(d.lines[i])
	start := 0
	for n := 1; n < f.Column && start < len(line); n++ {
		_, size := utf8.DecodeRuneInString(line[start:])
		start += size
	}
	end := start
	if start < len(line) {
		switch end = wordEnd(line, start); {
		case line[start] == '"':
			end = stringEnd(line, start)
		case end == start:
			_, size := utf8.DecodeRuneInString(line[start:])
			end = start + size
		}
	}
	return mark{line: i, start: start, end: end}
}
