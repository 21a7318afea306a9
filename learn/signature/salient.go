package signature

import (
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"

	"lathe/learn"
)

// maxSalient is how long a line may be, in bytes, that says best what went wrong.
const maxSalient = 1000

var (
	errorWord = regexp.MustCompile(`(?i)\b(?:errors?|fail(?:ed|ure|ures|s)?|fatal|exception|panic(?:ked)?|cannot|can't|could not|couldn't|unable to|denied|not found|no such|invalid|illegal|unexpected|unknown|undefined|unrecognized|unsupported|refused|timed? ?out|abort(?:ed|ing)?|missing|must (?:be|not)|not (?:allowed|permitted|supported|a valid|installed|exist)|does not exist|mismatch|conflict|corrupt(?:ed)?|crash(?:ed)?|rejected|violat(?:es|ion)|exceed(?:s|ed)|killed|segmentation fault|assert(?:ion)?)\b|\w(?:Error|Exception)\b`)
	noErrors  = regexp.MustCompile(`(?i)\b(?:0|no) (?:errors?|fail(?:ed|ures?)?|warnings?)\b|^\s*(?:#|//|\*|warning:)`)
	progLine  = regexp.MustCompile(`^(?:[\w.+/-]+: )+\S`)
	pyLast    = regexp.MustCompile(`^[A-Za-z_][\w.]*(?:Error|Exception|Interrupt|Exit|Iteration|Warning|Failed|Timeout)(?:: .*)?$`)
	// pyEnd is the last line of a traceback: a class, alone or with a message.
	// A single word counts when it is written like a class, not like DEBUG.
	pyEnd = regexp.MustCompile(`^\s*(?:[A-Za-z_]\w*(?:\.[\w<>]+)+|_?[A-Z][A-Z0-9]*[a-z]\w*)(?:: .*)?$`)
	// classLine is such a line that is plainly a class even without its traceback.
	classLine = regexp.MustCompile(`^[a-z_]\w*(?:\.[a-z_]\w*)*\.[A-Z]\w*[a-z]\w*: \S`)
	pyHead    = "Traceback (most recent call last):"
)

// isClassLine is whether classLine matches; most lines end at their first byte.
func isClassLine(l string) bool {
	return l != "" && (l[0] >= 'a' && l[0] <= 'z' || l[0] == '_') && strings.Contains(l, ": ") && classLine.MatchString(l)
}

// failed reports whether an event is a failure at all.
func failed(ev *learn.ActionOutcome) bool {
	if ev.Status == learn.StatusInterrupted {
		return false
	}
	return ev.Status.Failed() || ev.ToolOutput.ExitCode != nil && *ev.ToolOutput.ExitCode != 0
}

// eventText is what was printed, then what the client says of the error where
// that adds something.
func eventText(ev *learn.ActionOutcome) string {
	text := ev.ToolOutput.Text()
	d := ev.ErrorDetails
	if d == nil {
		return text
	}
	for _, part := range []string{d.StackTrace, d.Message} {
		if part != "" && !strings.Contains(text, part) {
			text += "\n" + part
		}
	}
	return text
}

// vagueCodes are words that clients give as an error's code and that only say
// that there was one: what was printed tells failures apart, not these.
const vagueCodes = " error err failed failure fail unknown exit exitcode exitstatus nonzero nonzeroexit nonzeroexitcode toolerror tooluseerror commandfailed executionerror "

// isVague reports whether an error's code says nothing but that there was an
// error, or repeats the exit code.
func isVague(ev *learn.ActionOutcome) bool {
	code := strings.Map(func(r rune) rune {
		if r == '_' || r == '-' || r == ' ' || r == '.' {
			return -1
		}
		return r
	}, strings.ToLower(ev.ErrorDetails.Code))
	exit := ev.ToolOutput.ExitCode
	return strings.Contains(vagueCodes, " "+code+" ") || exit != nil && ev.ErrorDetails.Code == strconv.Itoa(*exit)
}

// errorLine is an error code of the client as a line of its own.
func errorLine(ev *learn.ActionOutcome) []string {
	if ev.ErrorDetails == nil || ev.ErrorDetails.Code == "" || isVague(ev) {
		return nil
	}
	return []string{cut("error code "+ev.ErrorDetails.Code+": "+ev.ErrorDetails.Message, maxLine)}
}

// exitLine is how agents write a command's exit code above its output.
var exitLine = regexp.MustCompile(`^(?:[Ee]xit code:?|[Pp]rocess exited with code|[Cc]ommand exited with (?:code|status)|<returncode>) ?(\d{1,3})(?:</returncode>)?$`)

// takeExit blanks the line above an output that only tells its exit code, and
// sets that code where the event has none.
func takeExit(ev *learn.ActionOutcome, lines []string) *learn.ActionOutcome {
	for i, l := range lines {
		if l == "" {
			continue
		}
		m := exitLine.FindStringSubmatch(l)
		if m == nil {
			break
		}
		lines[i] = ""
		if ev.ToolOutput.ExitCode == nil {
			told := *ev
			code := atoi(m[1])
			told.ToolOutput.ExitCode = &code
			return &told
		}
		break
	}
	return ev
}

// statusLine is the failure of a call that said nothing about it.
func statusLine(ev *learn.ActionOutcome, act learn.Action) string {
	program := act.Program
	if program == "" {
		program = ev.ToolName
	}
	program = path.Base(program)
	switch code := ev.ToolOutput.ExitCode; {
	case ev.Status == learn.StatusTimeout:
		return program + ": call timed out"
	case code != nil && *code != 0:
		return program + ": exit status " + strconv.Itoa(*code)
	}
	return fmt.Sprintf("%s: failed without a word", program)
}

// hiddenTraceback gives the lines when a success plainly ended in a Python
// traceback that a pipe or list hid; see the package comment.
func hiddenTraceback(lines []string, act learn.Action) []string {
	if act.Intent.ReadOnly() || act.Intent == learn.IntentVCS || !strings.ContainsAny(act.Command, "|;&") {
		return nil
	}
	last := len(lines) - 1
	for last >= 0 && lines[last] == "" {
		last--
	}
	if last < 0 || !pyLast.MatchString(lines[last]) {
		return nil
	}
	for i := last - 1; i >= 0 && i > last-frameWindow; i-- {
		if lines[i] == pyHead {
			return lines[i : last+1]
		}
		if lines[i] != "" && lines[i][0] != ' ' {
			return nil
		}
	}
	return nil
}

// says reports whether a line speaks of an error, and not of none.
func (e *errorWords) says(line string) bool {
	found, maybeNone := e.of(line)
	return found && !(maybeNone && noErrors.MatchString(line))
}

// salient is the index of the line that says best what went wrong, -1 when no
// line does: the end of the last traceback, else a class with its message, the
// first "program: message" with a word of error, else the first line with one.
func (e *errorWords) salient(lines []string) int {
	for i := len(lines) - 1; i >= 0; i-- {
		if lines[i] == pyHead {
			for j := i + 1; j < len(lines); j++ {
				if lines[j] != "" && lines[j][0] != ' ' {
					return j
				}
			}
		}
	}
	first := -1
	for i, l := range lines {
		if l == "" || len(l) > maxSalient {
			continue
		}
		if isClassLine(l) {
			return i
		}
		if !e.says(l) {
			continue
		}
		if progLine.MatchString(l) {
			return i
		}
		if first < 0 {
			first = i
		}
	}
	return first
}
