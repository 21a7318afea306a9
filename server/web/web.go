package web

import (
	"context"
	"embed"
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"lathe/learn"
)

// Item is one proposal of the queue, as server/review has it.
type Item struct {
	ID          string
	Kind        string // tool or plan
	Type        string // of a plan's change: add_retry, ...; of a tool: where it came from
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
	Answers     []learn.Clarification
	Source      string // how it was concluded: rules, recovery, llm, strategies
	Author      string // who proposed it: lathe, an agent, a person
	// Confidence is how likely it is right and wanted, after what people
	// accepted before; 0 where that is not known.
	Confidence float64
	Evidence   []string // event ids
	Tool       *learn.ToolReviewRequest
	Plan       *learn.PlanModificationProposal
}

// Queue is what there is to decide. Items returns all proposals; the caller
// changes nothing of it. Decide checks the signature, the content hash and the
// state, and refuses with an error that a person understands.
type Queue interface {
	Items() []*Item
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
	KPIs  func() any
	Log   Log
	Graph Graph
	// Experience and Teacher come together.
	Experience Experience
	Teacher    Teacher
	// Digest is the last week in a few lines.
	Digest func(ctx context.Context) []string
	// Groups is how proposals were accepted, by kind, source and author.
	Groups func() []Group
	Mutes  func() []learn.Mute
	// Tools are the generated tools, with what became of their calls.
	Tools func() []Tool
	// Watch returns a channel that is closed at the next change of anything
	// that is shown; nil: pages are not told of changes.
	Watch func() <-chan struct{}
	// Refused is told of what the page refused: forged and replayed forms, wrong
	// passphrases. object may be "".
	Refused func(ctx context.Context, object, why string)
	Logger  *slog.Logger     // default: discard
	Now     func() time.Time // default: time.Now
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
	ending   chan struct{} // closed when streams have to end
	endOnce  sync.Once
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
	h := &Handler{o: o, sessions: newSessions(), throttle: &throttle{}, pages: p, mux: http.NewServeMux(), ending: make(chan struct{})}
	h.routes(static)
	return h, nil
}

func (h *Handler) routes(static fs.FS) {
	o := h.o
	h.mux.Handle("GET /static/", http.StripPrefix("/static/", http.FileServerFS(static)))
	h.mux.HandleFunc("POST /unlock", h.unlock)
	h.mux.HandleFunc("POST /lock", h.signedIn(h.lock))
	h.mux.HandleFunc("GET /{$}", h.signedIn(h.queue))
	h.mux.HandleFunc("GET /review/{id}", h.signedIn(h.detail))
	h.mux.HandleFunc("POST /review/{id}", h.signedIn(h.decide))
	h.mux.HandleFunc("POST /bulk", h.signedIn(h.bulk))
	h.mux.HandleFunc("POST /bulk/decide", h.signedIn(h.decideBulk))
	if o.Watch != nil {
		h.mux.HandleFunc("GET /live", h.live)
	}
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
	if o.Log != nil {
		h.mux.HandleFunc("GET /log", h.signedIn(h.log))
	}
	if o.Graph != nil {
		h.mux.HandleFunc("GET /graph", h.signedIn(h.graph))
	}
	if o.Experience != nil && o.Teacher != nil {
		h.mux.HandleFunc("GET /task/{id}", h.signedIn(h.task))
		h.mux.HandleFunc("GET /fixes", h.signedIn(h.fixes))
		h.mux.HandleFunc("POST /feedback", h.signedIn(h.feedback))
		h.mux.HandleFunc("POST /undo", h.signedIn(h.undo))
	}
	h.mux.HandleFunc("GET /", h.signedIn(func(w http.ResponseWriter, r *http.Request, s *session) {
		h.fail(w, s, http.StatusNotFound, "There is no such page.")
	}))
}

// Close ends all sessions, and with them what was unlocked here.
func (h *Handler) Close() {
	h.EndStreams()
	h.sessions.closeAll()
}

// refused notes something that was refused.
func (h *Handler) refused(r *http.Request, object, why string) {
	h.o.Logger.Warn("review page: refused", "why", why, "method", r.Method, "path", short(r.URL.Path, 200))
	if h.o.Refused != nil {
		h.o.Refused(r.Context(), object, short(why, 300))
	}
}

// ServeHTTP guards every request before anything else looks at it.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	headers(w.Header())
	if status, why := allowed(r); status != 0 {
		h.refused(r, "", why)
		http.Error(w, why, status)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	h.mux.ServeHTTP(w, r)
}
