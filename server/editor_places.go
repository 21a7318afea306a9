package server

import (
	"encoding/json"
	"fmt"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"lathe/learn"
)

// Bounds of what is kept of places that failed.
const (
	maxPlaceProjects = 500
	maxPlaceFiles    = 3000 // of a project; the one that failed longest ago leaves
	maxPlacesOfFile  = 200
	maxPlaceCauses   = 4
	maxPlaceSessions = 32 // told apart; more are counted as they come
	maxPlaceText     = 200
)

// places is the learner that knows which files, functions and lines of a
// project failures named, for editors.
type places struct {
	mu       sync.RWMutex
	projects map[string]*placesOf
}

// placesOf is a project's places. Files are as the calls named them, made
// absolute by their folder where it is known.
type placesOf struct {
	Files map[string]*placeFile `json:"files"`
	Last  time.Time             `json:"last"` // of all calls of the project
}

type placeFile struct {
	Places []*failedPlace `json:"places"`
	Last   time.Time      `json:"last"`
}

// failedPlace is a function, or a line where the function is not known.
type failedPlace struct {
	Symbol   string         `json:"symbol,omitempty"`
	Line     int            `json:"line,omitempty"` // where it was last
	Times    int            `json:"times"`
	Sessions placeSessions  `json:"sessions"`
	Last     time.Time      `json:"last"`
	Causes   []*failedCause `json:"causes"` // the most frequent first
}

// failedCause is one kind of failure at a place.
type failedCause struct {
	SignatureID string    `json:"signature_id"`
	Name        string    `json:"name"`
	Text        string    `json:"text"` // the normalised text, captured: never shown unescaped
	EventID     string    `json:"event_id"`
	Times       int       `json:"times"`
	Last        time.Time `json:"last"`
}

// placeSessions counts sessions: exactly up to maxPlaceSessions, and after that
// as changes of session.
type placeSessions struct {
	Seen []string `json:"seen,omitempty"` // beginnings of hashes
	More int      `json:"more,omitempty"`
	Last string   `json:"last,omitempty"`
}

func (s *placeSessions) add(id string) {
	short := learn.UUIDv8("session", id)[:8]
	if short == s.Last || slices.Contains(s.Seen, short) {
		s.Last = short
		return
	}
	s.Last = short
	if len(s.Seen) < maxPlaceSessions {
		s.Seen = append(s.Seen, short)
	} else {
		s.More++
	}
}

func (s *placeSessions) count() int { return len(s.Seen) + s.More }

func newPlaces() *places { return &places{projects: map[string]*placesOf{}} }

func (*places) Name() string { return "places" }

// Apply counts the places that a failure names. What editors did is no failure
// of code.
func (p *places) Apply(o *learn.Observation, _ func(learn.LedgerEntry)) error {
	ev := o.Record.Action
	if ev == nil || ev.ProjectID == "" || ev.Source == learn.SourceLSP {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	of := p.projects[ev.ProjectID]
	if of == nil {
		if len(p.projects) >= maxPlaceProjects {
			return nil
		}
		of = &placesOf{Files: map[string]*placeFile{}}
		p.projects[ev.ProjectID] = of
	}
	if ev.Timestamp.After(of.Last) {
		of.Last = ev.Timestamp
	}
	counted := map[string]bool{} // one failure may name a place twice
	for i := range o.Signatures {
		sig := &o.Signatures[i]
		file := placeName(sig.File, ev.ContextSnapshot.CWD)
		if file == "" {
			continue
		}
		symbol := symbolAt(ev.ToolOutput, sig.File, sig.Line)
		if key := fmt.Sprint(file, symbol, sig.Line); !counted[key] {
			counted[key] = true
			of.count(file, symbol, sig, ev)
		}
	}
	return nil
}

// placeName is a file as it is kept: absolute where that can be known.
func placeName(file, cwd string) string {
	if file == "" || len(file) > 400 || strings.ContainsAny(file, "\x00\n") {
		return ""
	}
	file = filepath.ToSlash(file)
	if !path.IsAbs(file) && path.IsAbs(filepath.ToSlash(cwd)) {
		file = path.Join(filepath.ToSlash(cwd), file)
	}
	return path.Clean(file)
}

func (of *placesOf) count(file, symbol string, sig *learn.ErrorSignature, ev *learn.ActionOutcome) {
	f := of.Files[file]
	if f == nil {
		of.makeRoom()
		f = &placeFile{}
		of.Files[file] = f
	}
	if ev.Timestamp.After(f.Last) {
		f.Last = ev.Timestamp
	}
	at := slices.IndexFunc(f.Places, func(x *failedPlace) bool {
		return x.Symbol == symbol && (symbol != "" || x.Line == sig.Line)
	})
	if at < 0 {
		if len(f.Places) >= maxPlacesOfFile {
			return
		}
		f.Places = append(f.Places, &failedPlace{Symbol: symbol})
		at = len(f.Places) - 1
	}
	x := f.Places[at]
	x.Line = sig.Line
	x.Times++
	x.Sessions.add(ev.SessionID)
	if ev.Timestamp.After(x.Last) {
		x.Last = ev.Timestamp
	}
	x.cause(sig, ev)
}

func (x *failedPlace) cause(sig *learn.ErrorSignature, ev *learn.ActionOutcome) {
	i := slices.IndexFunc(x.Causes, func(c *failedCause) bool { return c.SignatureID == sig.ID })
	if i < 0 {
		if len(x.Causes) == maxPlaceCauses {
			x.Causes = x.Causes[:maxPlaceCauses-1] // the rarest makes room
		}
		x.Causes = append(x.Causes, &failedCause{SignatureID: sig.ID, Name: sig.Name})
		i = len(x.Causes) - 1
	}
	c := x.Causes[i]
	c.Text, c.EventID, c.Last = strings.ToValidUTF8(sig.Template[:min(len(sig.Template), maxPlaceText)], ""), ev.ID, ev.Timestamp
	c.Times++
	for ; i > 0 && x.Causes[i-1].Times < c.Times; i-- {
		x.Causes[i-1], x.Causes[i] = x.Causes[i], x.Causes[i-1]
	}
}

// makeRoom lets the file leave that failed longest ago.
func (of *placesOf) makeRoom() {
	if len(of.Files) < maxPlaceFiles {
		return
	}
	oldest := ""
	for name, f := range of.Files {
		if o := of.Files[oldest]; o == nil || f.Last.Before(o.Last) || f.Last.Equal(o.Last) && name < oldest {
			oldest = name
		}
	}
	delete(of.Files, oldest)
}

func (p *places) Snapshot() ([]byte, error) {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return json.Marshal(p.projects)
}

func (p *places) Restore(b []byte) error {
	projects := map[string]*placesOf{}
	if err := json.Unmarshal(b, &projects); err != nil {
		return fmt.Errorf("places: %w", err)
	}
	for name, of := range projects {
		if of == nil || of.Files == nil {
			return fmt.Errorf("places: project %.80q has no files", name)
		}
		for file, f := range of.Files {
			if f == nil || slices.Contains(f.Places, nil) {
				return fmt.Errorf("places: file %.80q is damaged", file)
			}
			for _, x := range f.Places {
				if slices.Contains(x.Causes, nil) {
					return fmt.Errorf("places: file %.80q is damaged", file)
				}
			}
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.projects = projects
	return nil
}

// How frames name the function that they are in, by language.
var (
	pythonFrame = regexp.MustCompile(`File "([^"]+)", line (\d+), in ([A-Za-z_][\w.]*)`)
	jsFunction  = regexp.MustCompile(`at (?:async )?(?:new )?([A-Za-z_$][\w.$]*) \((?:file://)?([^():]+):(\d+):\d+\)`)
	javaMethod  = regexp.MustCompile(`at ([\w.$]+)\(([\w.]+\.(?:java|kt|scala)):(\d+)\)`)
	goFunction  = regexp.MustCompile(`(?m)^(\S+)\([^\n]*\)\n\t(\S+\.go):(\d+)`)
	goTestName  = regexp.MustCompile(`(?m)^\s*--- FAIL: (\w+)[^\n]*\n\s+(\S+\.go):(\d+): `)
)

// maxFrameText is how much of an output is searched for a frame.
const maxFrameText = 64 << 10

// symbolAt is the function that an output says a line is in; "" when it does
// not say.
func symbolAt(out learn.ToolOutput, file string, line int) string {
	if file == "" || line <= 0 {
		return ""
	}
	text := out.Text()
	if len(text) > maxFrameText {
		text = text[len(text)-maxFrameText:]
	}
	number := fmt.Sprint(line)
	for _, form := range []struct {
		re             *regexp.Regexp
		mark           string // without it the form is not there
		name, at, line int
	}{{pythonFrame, ", in ", 3, 1, 2}, {jsFunction, "at ", 1, 2, 3}, {javaMethod, "at ", 1, 2, 3}, {goFunction, ".go:", 1, 2, 3}, {goTestName, "--- FAIL", 1, 2, 3}} {
		if !strings.Contains(text, form.mark) {
			continue
		}
		for _, m := range form.re.FindAllStringSubmatch(text, 200) {
			if m[form.line] == number && (m[form.at] == file || path.Base(m[form.at]) == path.Base(file)) {
				return plainSymbol(m[form.name])
			}
		}
	}
	return ""
}

// plainSymbol is a frame's function without its package and its receiver; ""
// when it has no name of its own.
func plainSymbol(name string) string {
	name = name[strings.LastIndexByte(name, '/')+1:]
	parts := strings.FieldsFunc(name, func(r rune) bool { return r == '.' || r == '(' || r == ')' || r == '*' })
	for _, p := range slices.Backward(parts) {
		if strings.HasPrefix(p, "func") && strings.Trim(p[4:], "0123456789") == "" || strings.Trim(p, "0123456789") == "" {
			continue // a closure belongs to what it is in
		}
		if p != "module" && p != "Object" && len(p) <= 100 {
			return p
		}
	}
	return ""
}
