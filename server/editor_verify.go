package server

import (
	"encoding/json"
	"path"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"lathe/learn"
	"lathe/lsp"
)

const (
	maxEdited    = 2000 // files with an edit or diagnostics, of all projects
	keptSighting = 8    // of a file by one server
	maxVerdicts  = 256  // that wait to be stored
	// editAge is how long after an edit diagnostics are taken for its.
	editAge = 10 * time.Minute
)

// edits is the learner that sees agents' edits and holds them against the
// diagnostics that editors show before and after: a file that had no errors and
// now has some was spoilt. What it keeps is of the moment; nothing of it goes
// into a snapshot.
type edits struct {
	verdicts chan learn.ActionOutcome // to be stored; what finds no room is lost

	mu    sync.Mutex
	files map[string]*editedFile // by project and absolute path
	clock uint64
}

type editedFile struct {
	used  uint64
	edit  *agentEdit
	seen  map[string][]lsp.Sighting // by server, oldest first
	given map[string]bool           // servers that said what the edit did
}

// agentEdit is the latest edit of a file.
type agentEdit struct {
	id, session, task, agent string
	at                       time.Time
}

func newEdits() *edits {
	return &edits{verdicts: make(chan learn.ActionOutcome, maxVerdicts), files: map[string]*editedFile{}}
}

func (*edits) Name() string { return "editor_edits" }

// Apply implements learn.Learner.
func (e *edits) Apply(o *learn.Observation, _ func(learn.LedgerEntry)) error {
	ev := o.Record.Action
	if ev == nil || ev.Source == learn.SourceLSP || ev.Source == learn.SourceImport || ev.Status != learn.StatusSuccess || len(o.Action.Writes) == 0 {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, name := range o.Action.Writes[:min(len(o.Action.Writes), 20)] {
		file := placeName(name, ev.ContextSnapshot.CWD)
		if !path.IsAbs(file) {
			continue
		}
		f := e.file(ev.ProjectID, file)
		f.edit = &agentEdit{id: ev.ID, session: ev.SessionID, task: ev.TaskID, agent: ev.AgentID, at: ev.Timestamp}
		f.given = map[string]bool{}
		e.judge(ev.ProjectID, file, f)
	}
	return nil
}

func (*edits) Snapshot() ([]byte, error) { return []byte("{}"), nil }
func (*edits) Restore([]byte) error      { return nil }

// file finds or makes a file's state; the one used longest ago leaves.
func (e *edits) file(project, name string) *editedFile {
	e.clock++
	key := project + "\x00" + name
	f := e.files[key]
	if f == nil {
		if len(e.files) >= maxEdited {
			oldest := ""
			for k, x := range e.files {
				if o := e.files[oldest]; o == nil || x.used < o.used {
					oldest = k
				}
			}
			delete(e.files, oldest)
		}
		f = &editedFile{seen: map[string][]lsp.Sighting{}, given: map[string]bool{}}
		e.files[key] = f
	}
	f.used = e.clock
	return f
}

// seen takes a file's diagnostics of this moment.
func (e *edits) seen(project, root string, s lsp.Sighting) {
	e.mu.Lock()
	defer e.mu.Unlock()
	file := filepath.ToSlash(s.Path)
	f := e.file(project, file)
	if _, known := f.seen[s.Source]; !known && len(f.seen) >= 20 {
		return
	}
	list := append(f.seen[s.Source], s)
	f.seen[s.Source] = list[max(0, len(list)-keptSighting):]
	e.judge(project, file, f)
}

// judge says what became of a file's errors with its latest edit, once for each
// server that was seen before it and, with the changed document, after it.
func (e *edits) judge(project, file string, f *editedFile) {
	if f.edit == nil {
		return
	}
	for source, list := range f.seen {
		if f.given[source] {
			continue
		}
		i := slices.IndexFunc(list, func(s lsp.Sighting) bool { return s.Time.After(f.edit.at) })
		if i <= 0 {
			continue // nothing before it, or nothing after it
		}
		before := list[i-1]
		j := slices.IndexFunc(list[i:], func(s lsp.Sighting) bool { return s.Version != before.Version })
		if j < 0 || list[i+j].Time.Sub(f.edit.at) > editAge {
			continue // the editor has not read the new text yet
		}
		f.given[source] = true
		select {
		case e.verdicts <- verdict(project, file, f.edit, before, list[i+j]):
		default:
		}
	}
}

// editVerdict is what a recorded verdict's parameters say; learn/verify reads
// them.
type editVerdict struct {
	Path           string `json:"path"`
	Source         string `json:"source"`
	EditEvent      string `json:"edit_event"`
	ErrorsBefore   int    `json:"errors_before"`
	ErrorsAfter    int    `json:"errors_after"`
	WarningsBefore int    `json:"warnings_before"`
	WarningsAfter  int    `json:"warnings_after"`
}

func verdict(project, file string, edit *agentEdit, before, after lsp.Sighting) learn.ActionOutcome {
	raw, _ := json.Marshal(editVerdict{file, after.Source, edit.id, before.Errors, after.Errors, before.Warnings, after.Warnings}) // strings and numbers only
	return learn.ActionOutcome{CallID: "diagnostics-" + edit.id + "-" + after.Source, Timestamp: after.Time, ProjectID: project, SessionID: edit.session,
		TaskID: edit.task, AgentID: edit.agent, Source: learn.SourceLSP, ActionType: learn.ToolCall, ToolName: toolDiagnostics,
		ToolParameters: raw, Status: learn.StatusSuccess}
}
