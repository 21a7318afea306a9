package signature

import (
	"runtime"
	"strings"
	"sync"

	"lathe/learn"
)

// statusPatterns are the ids of the patterns of an exit status; a line that
// they take says nothing of the failure itself.
const statusPatterns = "process/"

// lineSense is what one line says, before templates are asked.
type lineSense struct {
	id, template, class string // by the library
	mine                string // else what is mined
	shortened           bool   // the template that is mined is cut as a signature's is
	whole               bool   // the text is several lines: for Learn
}

// LearnLines takes each text for the whole output of a failing command and
// gives, in their order, the identity, template and class ("" for none) of what
// failed first: by the library, else of the salient line's online template; a
// text that says nothing of a failure is a line of a log (LearnLine). Cores read the library together;
// the templates grow in the order of the lines, so that the answers are those
// of one line at a time.
func (a *Analyser) LearnLines(texts []string, each func(id, template, class string)) {
	senses := make([]lineSense, len(texts))
	workers := min(runtime.GOMAXPROCS(0), len(texts)/64+1)
	share := (len(texts) + workers - 1) / workers
	var wg sync.WaitGroup
	for from := 0; from < len(texts); from += share {
		part := func() { a.readLines(texts[from:min(from+share, len(texts))], senses[from:]) }
		if workers == 1 {
			part()
		} else {
			wg.Go(part)
		}
	}
	wg.Wait()
	for i, s := range senses {
		switch {
		case s.whole:
			each(a.learnText(texts[i]))
		case s.id != "":
			each(s.id, s.template, s.class)
		default:
			id, template := a.learnLine(s.mine)
			if s.shortened {
				template = cut(template, maxCapture)
			}
			each(id, template, a.classes.says(s.mine))
		}
	}
}

// learnText is the answer to one text by the general way.
func (a *Analyser) learnText(text string) (id, template, class string) {
	exit := 1
	ev := &learn.ActionOutcome{ToolName: "bash", Status: learn.StatusFailure, ToolOutput: learn.ToolOutput{Stderr: text, ExitCode: &exit}}
	if found := a.Learn(ev, learn.Action{}); len(found) > 0 && !strings.HasPrefix(found[0].PatternID, statusPatterns) {
		return found[0].ID, found[0].Template, a.Class(found[0])
	}
	id, template = a.learnLine(text)
	return id, template, a.classes.says(cut(text, maxLine))
}

// readLines gives the senses of texts, of which the same often follow each
// other.
func (a *Analyser) readLines(texts []string, senses []lineSense) {
	c := a.lib.candidates.Get().(*candidates)
	defer a.lib.candidates.Put(c)
	known := make(map[string]lineSense, len(texts))
	for i, text := range texts {
		s, ok := known[text]
		if !ok {
			s = a.readLine(text, c)
			known[text] = s
		}
		senses[i] = s
	}
}

// readLine is analyse for one line, as far as identity and template go.
func (a *Analyser) readLine(text string, c *candidates) lineSense {
	if strings.IndexByte(text, '\n') >= 0 {
		return lineSense{whole: true}
	}
	lines := cleanLines(text)
	line := lines[0]
	if len(lines) > 1 {
		return lineSense{whole: true}
	}
	if line == "" || exitLine.MatchString(line) {
		return lineSense{mine: text}
	}
	if h := a.lib.best(line, 0, c); h.p != nil {
		if strings.HasPrefix(h.p.ID, statusPatterns) {
			return lineSense{mine: text}
		}
		return a.sense(h, line)
	}
	class := isClassLine(line)
	if len(line) > maxSalient || !class && !a.words.says(line) {
		return lineSense{mine: text}
	}
	if class {
		if h := a.lib.boundHit(line, 0, whereTraceback); h.p != nil {
			return a.sense(h, line)
		}
	}
	return lineSense{mine: strings.TrimSpace(line), shortened: true}
}

// sense is what a pattern makes of a line.
func (a *Analyser) sense(h hit, line string) lineSense {
	captures, template := h.p.captures(line, h.loc)
	return lineSense{id: signatureID(h.p, captures), template: cut(strings.TrimSpace(template), maxCapture), class: a.classes.ofLine(h.p.ID, h.p.Kind, captures, strings.TrimSpace(line))}
}
