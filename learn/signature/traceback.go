package signature

import "strings"

// tracebacks follows Python tracebacks down an output.
type tracebacks struct {
	open   bool // between the head and the last line
	indent int  // of the head
}

// at says which place line i is, the lines before it having been given:
// whereTraceback for the last line of a Python traceback, whereStack for a line
// with JavaScript's frames below, "" for any other.
//
// A traceback ends at the first line that is not indented deeper than its head.
// The program's own output may stand between the frames when it wrote to both
// streams, so the line must look like an exception, and a class of an unusual
// name must not have more of the traceback below it. It loses its indentation.
func (t *tracebacks) at(lines []string, i int) string {
	line := lines[i]
	switch {
	case strings.HasSuffix(line, pyHead):
		t.open, t.indent = true, len(line)-len(pyHead)
		return ""
	case t.open && line != "" && leading(line) <= t.indent:
		if pyLast.MatchString(line) || pyEnd.MatchString(line) && (i+1 == len(lines) || leading(lines[i+1]) <= t.indent) {
			t.open = false
			lines[i] = strings.TrimLeft(line, " ")
			return whereTraceback
		}
	case !t.open && i+1 < len(lines) && strings.HasPrefix(lines[i+1], "    at ") && leading(line) == 0:
		return whereStack
	}
	return ""
}

// leading counts the spaces that a line begins with.
func leading(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }
