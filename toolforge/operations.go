package toolforge

import (
	"slices"
	"strings"
	"time"

	"lathe/learn"
)

// operation is what is counted of one known operation.
type operation struct {
	Calls    int                     `json:"calls"`
	Failures int                     `json:"failures"`
	Sessions map[uint64]struct{}     `json:"sessions"`
	More     int                     `json:"more,omitempty"`
	Project  string                  `json:"project,omitempty"`
	Mixed    bool                    `json:"mixed,omitempty"`
	TimeMS   float64                 `json:"time_ms"`
	Tokens   int64                   `json:"tokens"`
	Gains    map[string]*learn.Tally `json:"gains"`
	Misses   map[string]*learn.Tally `json:"misses"`
	Evidence []string                `json:"evidence"`
	Examples []learn.ToolExample     `json:"examples"`
	Programs []string                `json:"programs"` // that agents did it with
	Folders  map[string]int          `json:"folders"`  // topmost, of what was changed
	Absent   int64                   `json:"absent"`   // tokens that later prompts would not have held
	Latest   uint64                  `json:"latest_session"`
	Last     time.Time               `json:"last"`
}

// fill makes the tables that are not there.
func (p *operation) fill() {
	if p.Sessions == nil {
		p.Sessions = map[uint64]struct{}{}
	}
	if p.Gains == nil {
		p.Gains = map[string]*learn.Tally{}
	}
	if p.Misses == nil {
		p.Misses = map[string]*learn.Tally{}
	}
	if p.Folders == nil {
		p.Folders = map[string]int{}
	}
}

const (
	maxFolders  = 64
	maxPrograms = 12
)

// applyUse counts a call as a use of an operation, with what it would have
// saved behind the one before it in its session.
func (s *state) applyUse(a *learn.ActionOutcome, act *learn.Action, l line, o Options) (op string) {
	session := hash(a.ProjectID, a.SessionID)
	s.see(session)
	command := act.Command
	if command == "" {
		command = a.Command()
	}
	u, ok := scriptUse(command)
	if !ok {
		u, ok = useOf(l, act)
	}
	if !ok {
		delete(s.Tails, a.SessionID)
		return ""
	}
	output := a.ToolOutput.Stdout + a.ToolOutput.Content
	u.Event, u.Command, u.TimeMS = a.ID, command, a.ResourceMetrics.DurationMS
	u.Output, u.Printed, u.Lines = clip(output, maxExampleResult+1), tokensOf(output), strings.Count(output, "\n")
	u.Written, u.Read = written(a, u.Command), a.ResourceMetrics.TokenCountIn
	if u.Op == opSearch {
		u.hitsOf(output)
	}
	if u.Step == "" || u.Step == "write" { // what only follows is no use by itself
		s.operation(u.Op, a, session).use(l, &u, a, act)
	}
	before := s.Tails[a.SessionID]
	if a.Status != learn.StatusSuccess {
		if u.Op == opTest { // a failing test run printed too
			s.gain(savings(nil, &u), &u, nil, a, session)
		}
		delete(s.Tails, a.SessionID)
		return u.Op
	}
	all := savings(before, &u)
	s.gain(all, &u, before, a, session)
	if before != nil && u.Op == before.Op && slices.ContainsFunc(all, func(one saving) bool { return one.calls > 0 }) {
		u.Before = before.printouts() // one call with all of them
	}
	if before == nil && len(s.Tails) >= o.MaxSessions {
		s.makeTailRoom(a.SessionID)
	}
	s.Tails[a.SessionID] = behind(before, &u)
	return u.Op
}

// prompt counts a prompt that was read: each tool's entry would have stood in
// it, and not what the tool had kept out before.
func (s *state) prompt(a *learn.ActionOutcome) {
	if a.ResourceMetrics.TokenCountIn <= 0 {
		return
	}
	s.Turns++
	for op, tokens := range s.Absent[a.SessionID] {
		s.operation(op, a, hash(a.ProjectID, a.SessionID)).Absent += tokens
	}
}

// gain books what was saved; a saving may belong to another operation than
// the call's.
func (s *state) gain(all []saving, u, before *use, a *learn.ActionOutcome, session uint64) {
	for _, one := range all {
		p := s.operation(one.op, a, session)
		if one.op != u.Op && one.op != before.Op { // no single call is a use of it
			p.pair(before, u, a)
		}
		table := p.Gains
		if one.miss {
			table = p.Misses
		}
		t := table[one.what]
		if t == nil {
			t = &learn.Tally{What: one.what}
			table[one.what] = t
		}
		t.Times++
		t.Calls += one.calls
		t.Tokens += one.tokens
		t.TimeMS += one.timeMS
		t.Read += one.read
		if !one.miss {
			s.absent(a.SessionID, one)
		}
		if len(t.Evidence) < 8 {
			if before != nil && one.calls > 0 {
				t.Evidence = append(t.Evidence, before.Event)
			}
			t.Evidence = append(t.Evidence, u.Event)
		}
	}
}

func (s *state) operation(op string, a *learn.ActionOutcome, session uint64) *operation {
	p := s.Operations[op]
	if p == nil {
		p = &operation{Project: a.ProjectID}
		p.fill()
		s.Operations[op] = p
	}
	p.Mixed = p.Mixed || p.Project != a.ProjectID
	if _, ok := p.Sessions[session]; !ok {
		if len(p.Sessions) < maxSessionSet {
			p.Sessions[session] = struct{}{}
		} else if p.Latest != session {
			p.More++
		}
	}
	p.Latest = session
	return p
}

// use counts one call.
func (p *operation) use(l line, u *use, a *learn.ActionOutcome, act *learn.Action) {
	p.Calls++
	if a.Status != learn.StatusSuccess {
		p.Failures++
	}
	p.TimeMS += u.TimeMS
	p.Tokens += a.ResourceMetrics.TokenCountIn + a.ResourceMetrics.TokenCountOut
	p.Last = later(p.Last, a.Timestamp)
	p.note(l, u, act)
}

// note keeps evidence, programs, folders that were written and examples.
func (p *operation) note(l line, u *use, act *learn.Action) {
	if len(p.Evidence) < maxEvidence {
		p.Evidence = append(p.Evidence, u.Event)
	}
	names := l.programs()
	if u.Script != nil {
		names = []string{"python"}
	}
	if u.Op == opTest && act.Program != "" {
		names = []string{act.Program}
	}
	for _, name := range names {
		if len(p.Programs) < maxPrograms && !slices.Contains(p.Programs, name) && len(name) < 64 {
			p.Programs = append(p.Programs, name)
		}
	}
	if u.Op == opReplace {
		for _, name := range u.Paths {
			top, _, nested := strings.Cut(strings.TrimPrefix(name, "./"), "/")
			if _, ok := p.Folders[top]; nested && top != "" && (ok || len(p.Folders) < maxFolders) {
				p.Folders[top]++
			}
		}
	}
	if len(p.Examples) < maxExamples && len(u.Output) <= maxExampleResult && len(u.Command) <= maxCommand && !slices.ContainsFunc(p.Examples, func(e learn.ToolExample) bool { return e.Command == u.Command }) {
		p.Examples = append(p.Examples, learn.ToolExample{Command: u.Command, Result: u.Output, EventID: u.Event})
	}
}

// absent remembers that a session's later prompts would have been shorter.
func (s *state) absent(session string, one saving) {
	table := s.Absent[session]
	if table == nil {
		if len(s.Absent) >= maxAbsent {
			s.Absent = map[string]map[string]int64{}
		}
		table = map[string]int64{}
		s.Absent[session] = table
	}
	table[one.op] += one.tokens
}

// maxAbsent bounds the sessions whose prompts are followed; beyond it all are
// forgotten, and too little is counted.
const maxAbsent = 4096

// pair counts two calls that were one use together.
func (p *operation) pair(before, u *use, a *learn.ActionOutcome) {
	p.Calls += 2
	p.TimeMS += before.TimeMS + u.TimeMS
	p.Last = later(p.Last, a.Timestamp)
	if len(p.Evidence) < maxEvidence {
		p.Evidence = append(p.Evidence, before.Event, u.Event)
	}
	for _, one := range []*use{before, u} {
		if l, err := parseLine(one.Command); err == nil {
			for _, name := range l.programs() {
				if len(p.Programs) < maxPrograms && !slices.Contains(p.Programs, name) {
					p.Programs = append(p.Programs, name)
				}
			}
		}
	}
	if e := before.Command + "; " + u.Command; len(p.Examples) < maxExamples && len(e) <= maxCommand {
		p.Examples = append(p.Examples, learn.ToolExample{Command: e, EventID: u.Event})
	}
}

// see counts the sessions that would have carried a tool in their list.
func (s *state) see(session uint64) {
	if _, ok := s.Seen[session]; !ok && len(s.Seen) < maxSeen {
		s.Seen[session] = struct{}{}
	}
}

// maxSeen bounds the sessions that are told apart.
const maxSeen = 1 << 16

// makeTailRoom forgets the last calls of all sessions but one: what is lost
// is at most one saving each.
func (s *state) makeTailRoom(keep string) {
	for name := range s.Tails {
		if name != keep {
			delete(s.Tails, name)
		}
	}
}

// breakTail says that something else happened in a session.
func (s *state) breakTail(session string) { delete(s.Tails, session) }
