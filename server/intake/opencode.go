package intake

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"lathe/learn"
)

// opencode reads opencode's sessions: of its SQLite database (newer versions),
// of the JSON files of its storage folder (older ones, in both their layouts),
// and what `opencode export` prints. What was moved from files into the database
// is the same there.
type opencode struct{}

func (p *opencode) wants(name string) bool {
	name = "/" + strings.ReplaceAll(name, `\`, "/")
	base := path.Base(name)
	if strings.HasPrefix(base, "opencode") && hasExt(base, ".db") {
		return true
	}
	_, in, stored := strings.Cut(name, "/storage/")
	switch {
	case !hasExt(base, ".json"):
		return false
	case stored:
		return strings.HasPrefix(in, "session/") && !strings.HasPrefix(in, "session/message/") && !strings.HasPrefix(in, "session/part/")
	}
	return base != "auth.json" && base != "mcp-auth.json" // its tokens
}

func (p *opencode) finish(context.Context, *emitter) error { return nil }

// opencodeInfo is what a session, or a message, says of itself; times are in
// milliseconds.
type opencodeInfo struct {
	ID        string `json:"id"`
	Directory string `json:"directory"`
	Role      string `json:"role"`
	Time      struct {
		Created float64 `json:"created"`
		Updated float64 `json:"updated"`
	} `json:"time"`
}

// opencodePart is a part of a message.
type opencodePart struct {
	Type      string `json:"type"`
	Text      string `json:"text"`
	Synthetic bool   `json:"synthetic"`
	CallID    string `json:"callID"`
	Tool      string `json:"tool"`
	State     struct {
		Status   string          `json:"status"`
		Input    json.RawMessage `json:"input"`
		Output   string          `json:"output"`
		Error    string          `json:"error"`
		Metadata json.RawMessage `json:"metadata"`
		Time     struct {
			Start float64 `json:"start"`
			End   float64 `json:"end"`
		} `json:"time"`
	} `json:"state"`
}

// entry reads one session, or a database of them.
func (p *opencode) entry(ctx context.Context, e *entry, out *emitter) error {
	if hasExt(e.path, ".db") {
		return opencodeDatabase(ctx, e, out)
	}
	var info opencodeInfo
	s := newOpencodeSession(e.base())
	dec := json.NewDecoder(newLimited(e.r, e.limits.MaxDocument))
	err := members(dec, func(name string) (bool, error) {
		switch name {
		case "info": // of an export
			return true, dec.Decode(&info)
		case "messages":
			return true, elements(dec, func(int) error {
				var m struct {
					Info  opencodeInfo      `json:"info"`
					Parts []json.RawMessage `json:"parts"`
				}
				if err := dec.Decode(&m); err != nil {
					return err
				}
				for _, raw := range m.Parts[:min(len(m.Parts), maxElements)] {
					s.part(raw, m.Info.Role == "user")
				}
				return nil
			})
		case "id":
			return true, dec.Decode(&info.ID)
		case "directory":
			return true, dec.Decode(&info.Directory)
		case "time":
			return true, dec.Decode(&info.Time)
		}
		return false, nil
	})
	if err != nil {
		out.malformed(e.name, 0, jsonProblem(err, e.limits.MaxDocument))
		return nil
	}
	if e.disk && len(s.calls) == 0 {
		s.stored(e, out)
	}
	return s.end(ctx, info, e, out)
}

// opencodeSession is one session while it is read.
type opencodeSession struct {
	session
	seen map[string]bool
}

func newOpencodeSession(id string) *opencodeSession {
	return &opencodeSession{session: session{id: id, agent: "opencode"}, seen: map[string]bool{}}
}

// stored reads the messages and parts of a session that lie in folders beside
// its file: storage/session/PROJECT/ID.json, or storage/session/info/ID.json in
// the older layout.
func (s *opencodeSession) stored(e *entry, out *emitter) {
	dir, id := filepath.Dir(e.name), e.base()
	root := filepath.Dir(filepath.Dir(dir))
	messages := filepath.Join(root, "message", id)
	parts := func(message string) string { return filepath.Join(root, "part", message) }
	if filepath.Base(dir) == "info" {
		root = filepath.Dir(dir)
		messages = filepath.Join(root, "message", id)
		parts = func(message string) string { return filepath.Join(root, "part", id, message) }
	}
	left := maxElements
	for _, m := range jsonFiles(messages) {
		raw, err := readSmall(filepath.Join(messages, m+".json"), e.limits.MaxDocument)
		var info opencodeInfo
		if err == nil {
			err = json.Unmarshal(raw, &info)
		}
		if err != nil {
			out.malformed(filepath.Join(messages, m+".json"), 0, "cannot be read: "+err.Error())
			continue
		}
		for _, name := range jsonFiles(parts(m)) {
			if left--; left < 0 {
				return
			}
			file := filepath.Join(parts(m), name+".json")
			if raw, err := readSmall(file, e.limits.MaxDocument); err != nil {
				out.malformed(file, 0, "cannot be read: "+err.Error())
			} else if !s.part(raw, info.Role == "user") {
				out.malformed(file, 0, "not a part of a message: leave it out")
			}
		}
	}
}

// jsonFiles are the names, without .json, of the files of a folder, in order:
// opencode's ids ascend with time.
func jsonFiles(dir string) (names []string) {
	all, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	for _, d := range all {
		if name, ok := strings.CutSuffix(d.Name(), ".json"); ok && d.Type().IsRegular() {
			names = append(names, name)
		}
	}
	return names
}

// part takes a part of a message; false when it is none.
func (s *opencodeSession) part(raw json.RawMessage, user bool) bool {
	var p opencodePart
	if json.Unmarshal(raw, &p) != nil {
		return false
	}
	switch {
	case p.Type == "text" && user && s.prompt == "" && !p.Synthetic:
		s.prompt = p.Text
	case p.Type == "tool" && p.Tool != "" && p.CallID != "" && !s.seen[p.CallID] && len(s.calls) < maxElements:
		s.seen[p.CallID] = true
		s.calls = append(s.calls, p.call())
	}
	return true
}

// call is a tool's call as the hooks have it, too.
func (p *opencodePart) call() *learn.ActionOutcome {
	a := &learn.ActionOutcome{CallID: p.CallID, ActionType: learn.ToolCall, ToolName: p.Tool, ToolParameters: bytes.Clone(p.State.Input),
		Status: learn.StatusInterrupted, Timestamp: opencodeTime(p.State.Time.Start)}
	if d := p.State.Time.End - p.State.Time.Start; d > 0 && p.State.Time.Start > 0 {
		a.ResourceMetrics.DurationMS = d
	}
	var h opencodeHook
	switch p.State.Status {
	case "completed":
		h.Event, h.Output.Text = "tool.execute.after", p.State.Output
		if len(p.State.Metadata) > 0 {
			_ = json.Unmarshal(p.State.Metadata, &h.Output.Metadata) // another tool's says other things
		}
		h.result(a)
	case "error":
		h.Event, h.Error = "tool.execute.error", p.State.Error
		h.result(a)
		if strings.HasPrefix(p.State.Error, "Tool execution aborted") {
			a.Status = learn.StatusInterrupted
		}
	}
	return a
}

// end emits the session, if there is something in it.
func (s *opencodeSession) end(ctx context.Context, info opencodeInfo, e *entry, out *emitter) error {
	if s.prompt == "" && len(s.calls) == 0 {
		return nil // opened and left, or a file of another kind
	}
	s.id = orElse(info.ID, s.id)
	s.task, s.project = s.id, "opencode"
	if path.IsAbs(filepath.ToSlash(info.Directory)) {
		s.project = info.Directory
	}
	s.started, s.ended = opencodeTime(info.Time.Created), opencodeTime(info.Time.Updated)
	if s.started.IsZero() {
		s.started = e.modified.UTC()
	}
	last := s.started
	for _, a := range s.calls {
		a.ID, a.ContextSnapshot.CWD = learn.EventID(s.id, a.CallID), info.Directory
		if a.Timestamp.IsZero() {
			a.Timestamp = last
		}
		last = a.Timestamp
	}
	if s.ended.Before(last) {
		s.ended = last
	}
	if err := s.emit(ctx, out, e.name); err != nil {
		return err
	}
	return out.task(ctx, s.pause(), e.name, 0)
}

// opencodeTime is a time in milliseconds since 1970.
func opencodeTime(ms float64) time.Time { return ocodeTime(ms / 1000) }

// opencodeRef is a part of a session in a database.
type opencodeRef struct {
	id   string
	data string
	user bool
}

// opencodeDatabase reads the sessions of a database, the oldest first; what is
// kept in memory is bounded (maxOpencodeBytes).
func opencodeDatabase(ctx context.Context, e *entry, out *emitter) error {
	if !e.disk {
		out.malformed(e.name, 0, "a database in an archive: unpack it first")
		return nil
	}
	db, err := openSQLite(e.name)
	if err != nil {
		out.malformed(e.name, 0, "cannot be read: "+err.Error())
		return nil
	}
	defer db.close()
	sessions, err := opencodeSessions(db)
	if err == nil {
		err = opencodeParts(ctx, db, sessions)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil { // what was read until then is sound
		out.malformed(e.name, 0, "cannot be read on: "+err.Error())
	}
	order := make([]*opencodeStored, 0, len(sessions))
	for _, s := range sessions {
		order = append(order, s)
	}
	slices.SortFunc(order, func(a, b *opencodeStored) int { return strings.Compare(a.key, b.key) })
	for _, s := range order {
		one := newOpencodeSession(s.info.ID)
		slices.SortFunc(s.parts, func(a, b opencodeRef) int { return strings.Compare(a.id, b.id) })
		for _, ref := range s.parts {
			if !one.part(json.RawMessage(ref.data), ref.user) {
				out.malformed(e.name, 0, "part "+cutAt(ref.id, 100)+" of session "+cutAt(s.info.ID, 100)+" is no JSON object")
			}
		}
		s.parts = nil
		if err := one.end(ctx, s.info, e, out); err != nil {
			return err
		}
	}
	return nil
}
