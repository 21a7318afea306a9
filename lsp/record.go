package lsp

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"

	"lathe/learn"
)

// The tools under whose names an editor's events are recorded.
const (
	ToolOffered   = "editor_offered"   // actions that the editor was given to show
	ToolCommand   = "editor_command"   // an action that was taken, and what became of it
	ToolDismissed = "editor_dismissed" // offered, and not taken when the file was closed
)

// Recorder takes what people do in editors, as events. root is the workspace;
// "" is none.
type Recorder interface {
	// Record stores events durably. It is called beside the editor's path.
	Record(ctx context.Context, root string, events []learn.ActionOutcome) error
	// Seen takes the diagnostics that other servers show for a file now: what
	// they say before and after an agent's edit is a verification of it.
	Seen(ctx context.Context, root string, s Sighting)
}

// Sighting is the state of a file's diagnostics at a moment.
type Sighting struct {
	Path     string // absolute
	Version  int32  // the document's, as the editor counts
	Source   string // the server that says so
	Errors   int
	Warnings int
	Time     time.Time
}

const (
	journalSize = 256 // events that wait to be stored; more are dropped, and counted
	gatherTime  = 200 * time.Millisecond
	flushEvents = 5 * time.Second // for what waits when the connection ends
)

// entry is an event on its way to the Recorder.
type entry struct {
	root  string
	event learn.ActionOutcome
}

// note records what happened in the editor. It does not wait.
func (c *connection) note(path, tool string, parameters any, done func(*learn.ActionOutcome)) {
	if c.server.o.Recorder == nil {
		return
	}
	raw, err := json.Marshal(parameters)
	if err != nil {
		c.log.Error("lsp: an event cannot be encoded", "tool", tool, "why", err)
		return
	}
	c.mu.Lock()
	root, editor := c.rootOf(path), c.editor
	c.noted++
	n := c.noted
	c.mu.Unlock()
	sum := sha256.Sum256([]byte(c.id))
	session := "editor-" + hex.EncodeToString(sum[:8])
	ev := learn.ActionOutcome{CallID: session + "-" + time.Duration(n).String(), Timestamp: c.server.o.Now().UTC(), SessionID: session,
		AgentID: strings.TrimSpace("editor " + editor), Source: learn.SourceLSP, ActionType: learn.ToolCall, ToolName: tool,
		ToolParameters: raw, Status: learn.StatusSuccess, ContextSnapshot: learn.ContextSnapshot{CWD: root}}
	if path != "" {
		ev.ContextSnapshot.ActiveFiles = []string{path}
	}
	if done != nil {
		done(&ev)
	}
	select {
	case c.journal <- entry{root, ev}:
	default:
		c.log.Warn("lsp: events of the editor come faster than they are stored; one was dropped", "tool", tool)
	}
}

// keep stores what is noted until the connection ends, and then the rest.
func (c *connection) keep() {
	for {
		var batch []entry
		select {
		case e := <-c.journal:
			batch = append(batch, e)
			pause(c.ctx, gatherTime) // for company
		case <-c.leaving:
		}
		for more := true; more; {
			select {
			case e := <-c.journal:
				batch = append(batch, e)
			default:
				more = false
			}
		}
		c.store(batch)
		select {
		case <-c.leaving:
			if len(c.journal) == 0 {
				return
			}
		default:
		}
	}
}

// store hands events over, those of a workspace together.
func (c *connection) store(batch []entry) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.ctx), flushEvents)
	defer cancel()
	for len(batch) > 0 {
		root := batch[0].root
		var events []learn.ActionOutcome
		var rest []entry
		for _, e := range batch {
			if e.root == root {
				events = append(events, e.event)
			} else {
				rest = append(rest, e)
			}
		}
		if err := c.server.o.Recorder.Record(ctx, root, events); err != nil {
			c.log.Warn("lsp: the editor's events are not recorded", "events", len(events), "why", err)
		}
		batch = rest
	}
}

// rootOf is the workspace folder that a file is in, the innermost; the first
// one for a file outside of all. mu is held.
func (c *connection) rootOf(path string) string {
	best := ""
	for _, r := range c.roots {
		for _, name := range r.names {
			if (path == name || strings.HasPrefix(path, name+"/")) && len(r.path) > len(best) {
				best = r.path
			}
		}
	}
	if best == "" && len(c.roots) > 0 && path == "" {
		best = c.roots[0].path
	}
	return best
}
