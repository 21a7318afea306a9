package web

import (
	"context"
	"embed"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"time"

	"lathe/learn"
)

// Item is one proposal of the queue, as server/review has it.
type Item struct {
	ID          string
	Kind        string // tool or plan
	Title       string
	Summary     string
	Project     string
	State       learn.State
	Risk        string // low, medium, high
	ContentHash string
	Created     time.Time
	Changed     time.Time
	Decisions   []learn.Decision
	Questions   []string // asked back, unanswered
	Evidence    []string // event ids
	Tool        *learn.ToolReviewRequest
	Plan        *learn.PlanModificationProposal
}

// Queue is what there is to decide. Decide checks the signature, the content
// hash and the state, and refuses with an error that a person understands.
type Queue interface {
	List(states ...learn.State) []Item
	Get(id string) (Item, error)
	Decide(ctx context.Context, d learn.Decision) (Item, error)
}

// Signer is an unlocked reviewer's key.
type Signer interface {
	Decide(objectID, contentHash string, v learn.Verdict, reason string, at time.Time) learn.Decision
}

// Unlocker opens the reviewer's key. Its error is shown to the person.
type Unlocker func(passphrase string) (Signer, error)

// Editor is one connection of a language server.
type Editor struct {
	ID        string
	Name      string // the editor's own name and version
	Workspace string
	Since     time.Time
	Unlocked  bool
}

// Editors are the live editor connections. Unlock gives one the right to
// decide, for its own lifetime.
type Editors interface {
	Connections() []Editor
	Unlock(connID string, s Signer) error
}

// Node is one node of the knowledge graph with its edges.
type Node struct {
	ID         string
	Kind       string
	Label      string
	Attributes map[string]string
	Edges      []Edge
}

// Edge leads from the node shown to another, or from that one when Incoming.
type Edge struct {
	Kind     string
	Incoming bool
	ID       string // of the other node
	NodeKind string
	Label    string
}

// Options are what the pages show. Queue and Unlock are required; a page whose
// source is nil is not there.
type Options struct {
	Queue   Queue
	Unlock  Unlocker
	Editors Editors
	// Events returns the records with the given ids, in any order; those that
	// are not there it leaves out.
	Events func(ctx context.Context, ids []string) ([]learn.Record, error)
	// KPIs returns a value whose JSON form is that of learn/monitor's KPIs.
	KPIs      func() any
	GraphNode func(ctx context.Context, id string) (Node, error)
	Logger    *slog.Logger     // default: discard
	Now       func() time.Time // default: time.Now
}

//go:embed static templates
var files embed.FS

// Handler serves the pages. It is safe for concurrent use.
type Handler struct {
	o        Options
	sessions *sessions
	throttle *throttle
	pages    pages
	mux      *http.ServeMux
}

// New makes the handler. It fails when a required part is missing.
func New(o Options) (*Handler, error) {
	if o.Queue == nil || o.Unlock == nil {
		return nil, errors.New("web: Options.Queue and Options.Unlock are required")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	p, err := readPages(o)
	if err != nil {
		return nil, err
	}
	static, err := fs.Sub(files, "static")
	if err != nil {
		return nil, err
	}
	h := &Handler{o: o, sessions: newSessions(), throttle: &throttle{}, pages: p, mux: http.NewServeMux()}
	h.mux.Handle("GET /static/", http.StripPrefix("/static/", http.FileServerFS(static)))
	h.mux.HandleFunc("POST /unlock", h.unlock)
	h.mux.HandleFunc("POST /lock", h.signedIn(h.lock))
	h.mux.HandleFunc("GET /{$}", h.signedIn(h.queue))
	h.mux.HandleFunc("GET /review/{id}", h.signedIn(h.detail))
	h.mux.HandleFunc("POST /review/{id}", h.signedIn(h.decide))
	if o.Events != nil {
		h.mux.HandleFunc("GET /event/{id}", h.signedIn(h.event))
	}
	if o.KPIs != nil {
		h.mux.HandleFunc("GET /kpi", h.signedIn(h.kpi))
	}
	if o.Editors != nil {
		h.mux.HandleFunc("GET /editors", h.signedIn(h.editors))
		h.mux.HandleFunc("POST /editors", h.signedIn(h.unlockEditor))
	}
	if o.GraphNode != nil {
		h.mux.HandleFunc("GET /graph", h.signedIn(h.graph))
	}
	h.mux.HandleFunc("GET /", h.signedIn(func(w http.ResponseWriter, r *http.Request, s *session) {
		h.fail(w, s, http.StatusNotFound, "There is no such page.")
	}))
	return h, nil
}

// Close ends all sessions, and with them what was unlocked here.
func (h *Handler) Close() { h.sessions.closeAll() }

// ServeHTTP guards every request before anything else looks at it.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	headers(w.Header())
	if status, why := allowed(r); status != 0 {
		h.o.Logger.Warn("review page: request refused", "why", why, "method", r.Method, "path", short(r.URL.Path, 200))
		http.Error(w, why, status)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	h.mux.ServeHTTP(w, r)
}
