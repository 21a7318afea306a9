package signature

import "strings"

// errorWords finds what errorWord and noErrors find, several times as fast: all
// the words in one pass, and the regular expressions only for lines that are
// not ASCII, where a letter has more than two cases.
type errorWords struct {
	scan  *automaton
	words []string
	none  int // where those begin that say that nothing failed
}

func newErrorWords() *errorWords {
	e := &errorWords{words: []string{
		"error", "errors", "fail", "failed", "failure", "failures", "fails", "fatal", "exception", "panic", "panicked", "cannot", "can't",
		"could not", "couldn't", "unable to", "denied", "not found", "no such", "invalid", "illegal", "unexpected", "unknown", "undefined",
		"unrecognized", "unsupported", "refused", "time out", "timeout", "timed out", "timedout", "abort", "aborted", "aborting", "missing",
		"must be", "must not", "not allowed", "not permitted", "not supported", "not a valid", "not installed", "not exist", "does not exist",
		"mismatch", "conflict", "corrupt", "corrupted", "crash", "crashed", "rejected", "violates", "violation", "exceeds", "exceeded",
		"killed", "segmentation fault", "assert", "assertion",
	}}
	e.none = len(e.words)
	e.words = append(e.words, "0 error", "no error", "0 fail", "no fail", "0 warning", "no warning")
	owners := make([]int, len(e.words))
	for i := range owners {
		owners[i] = i
	}
	e.scan = newAutomaton(e.words, owners)
	for c := 'A'; c <= 'Z'; c++ { // in any case
		e.scan.class[c] = e.scan.class[c+'a'-'A']
	}
	return e
}

// of reports whether a line speaks of an error, and whether it may say that
// there was none (then noErrors knows).
func (e *errorWords) of(line string) (found, maybeNone bool) {
	s := int32(0)
	for i := 0; i < len(line); i++ {
		c := line[i]
		if c >= 0x80 {
			return errorWord.MatchString(line), true
		}
		s = e.scan.next[s*e.scan.width+int32(e.scan.class[c])]
		for _, o := range e.scan.output[s] {
			w := e.words[o]
			if o >= e.none {
				maybeNone = true
			} else if !found && (i+1 == len(line) || !isWord(line[i+1])) { // ValueError ends in one
				at := i + 1 - len(w)
				found = w == "error" || w == "exception" || at == 0 || !isWord(line[at-1])
			}
		}
	}
	return found, maybeNone || commented(line)
}

// commented reports whether a line may be a comment or a warning.
func commented(line string) bool {
	t := strings.TrimLeft(line, " \t\n\f\r\v")
	return t != "" && (t[0] == '#' || t[0] == '/' || t[0] == '*' || t[0]|0x20 == 'w')
}
