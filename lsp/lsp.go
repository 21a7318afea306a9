package lsp

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"lathe/learn"
)

var (
	// ErrNoConnection means that the editor connection is gone, or never was.
	ErrNoConnection = errors.New("no such editor connection: it was closed, or the editor was restarted; take the action again in the editor")
	// ErrLocked means that a decision came on a connection that has no Signer.
	// The editor is then shown the unlock page.
	ErrLocked = errors.New("this editor connection is not unlocked: unlock it on the review page, then take the action again")
)

// Proposal is what an editor is shown of a proposal: an item of the review
// queue, reduced to text and the place that it concerns.
type Proposal struct {
	ID          string
	ContentHash string
	Kind        string // plan, tool
	Title       string // plain text, one line
	Summary     string // plain text, a sentence or two; may quote captured text
	// Detail is short Markdown, such as a diff in a fence. Whoever makes it
	// escapes the captured text in it.
	Detail string
	State  learn.State // only those in_review (or "") are shown
	Risk   string      // low, medium, high
	// Path is the file that it concerns: absolute, or relative to the root
	// that Concerning was asked about, with slashes.
	Path string
	// Step anchors to the plan step with this "id" (a JSON file), Match to the
	// first line that contains this text, Line to that line, counted from 1.
	// The first of these that is found is taken, or else the file's first line.
	Step, Match string
	Line        int
	EvidenceURL string // http or https: the review page's view of it
	Generated   bool   // a language model wrote it
}

// Refusal is a decision that was refused, with what the editor sent. All of it
// is the sender's to choose, but for Why.
type Refusal struct {
	ProposalID, ContentHash string
	Verdict                 learn.Verdict
	Editor                  string // what it calls itself
	Why                     string
}

// Proposals is the review queue as this package needs it. Its methods are
// called concurrently.
type Proposals interface {
	// Concerning returns the proposals that concern files below root, an
	// absolute path. It is called when proposals or roots change, never while
	// an editor waits.
	Concerning(ctx context.Context, root string) []Proposal
	// Decide makes a decision durable, with a signature by s, which is never
	// nil. It refuses a contentHash that is not the proposal's present one, and
	// records what it refuses.
	Decide(ctx context.Context, id, contentHash string, verdict learn.Verdict, reason string, s Signer) error
	// Watch returns a channel that is closed (or receives, if only one
	// connection listens) at the next change of any proposal. It is called
	// again before the proposals are read anew, so that no change is missed.
	// A nil channel means that nothing ever changes.
	Watch() <-chan struct{}
}

// Signer signs decisions for a reviewer; server/review.Key is one.
type Signer interface {
	Decide(objectID, contentHash string, verdict learn.Verdict, reason string, at time.Time) learn.Decision
}

// Options configure a Server.
type Options struct {
	Proposals Proposals
	// Experience is what is known of code and plans; nil for nothing.
	Experience Experience
	// Judge takes a person's word on a remedy that was offered: it worked, or it
	// did not. Nil: nobody is asked.
	Judge func(ctx context.Context, root, remedyID string, worked bool) error
	// Plans knows the language of plan templates; nil: they are like any file.
	Plans Plans
	// Recorder takes what people do in editors; nil: it is not kept.
	Recorder Recorder
	// Refused is told of decisions that never reach Proposals.Decide: on a
	// connection that is not unlocked, about what is not open or has changed. It
	// may wait for a disk, and bounds what it keeps. Nil: the log alone has them.
	Refused func(ctx context.Context, r Refusal)
	// ReviewURL is the page that unlocks connection connID, and shows proposal
	// proposalID there. Nil: connections cannot be unlocked.
	ReviewURL func(connID, proposalID string) string
	Logger    *slog.Logger
	Version   string
	// Debounce is how long changes are collected before diagnostics are made
	// anew; 0 means 40 ms.
	Debounce time.Duration
	Now      func() time.Time // nil: time.Now
	NewID    func() string    // a connection's name, not to be guessed; nil: crypto/rand
}

// Server serves editor connections. It is safe for concurrent use.
type Server struct {
	o Options

	mu    sync.Mutex
	conns map[string]*connection
}

// New makes a Server. Options.Proposals must be set.
func New(o Options) *Server {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Debounce <= 0 {
		o.Debounce = 40 * time.Millisecond
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.NewID == nil {
		o.NewID = rand.Text
	}
	return &Server{o: o, conns: map[string]*connection{}}
}

// Connection describes an editor that is connected now.
type Connection struct {
	ID       string    `json:"id"`
	Editor   string    `json:"editor"` // what it calls itself, such as "Neovim 0.7.2"
	Roots    []string  `json:"roots"`  // its workspace folders, absolute paths
	Unlocked bool      `json:"unlocked"`
	Since    time.Time `json:"since"`
}

// Connections lists the editors that are connected now, the oldest first.
func (s *Server) Connections() []Connection {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Connection, 0, len(s.conns))
	for _, c := range s.conns {
		out = append(out, c.describe())
	}
	slices.SortFunc(out, func(a, b Connection) int {
		if n := a.Since.Compare(b.Since); n != 0 {
			return n
		}
		return strings.Compare(a.ID, b.ID)
	})
	return out
}

// Announce tells every editor that has the folder root, or one within it or
// around it, what Lathe did there by itself.
func (s *Server) Announce(root, text string) {
	s.mu.Lock()
	var told []*connection
	for _, c := range s.conns {
		for _, r := range c.describe().Roots {
			if r == root || strings.HasPrefix(r, root+"/") || strings.HasPrefix(root, r+"/") {
				told = append(told, c)
				break
			}
		}
	}
	s.mu.Unlock()
	for _, c := range told {
		c.tell(text)
	}
}

// Unlock lets an editor connection decide, with signatures by signer, until it
// closes or Lock is called. It fails with ErrNoConnection when the
// connection is gone.
func (s *Server) Unlock(connID string, signer Signer) error {
	if signer == nil {
		return errors.New("lsp: unlock needs a signer: unlock the reviewer's key first")
	}
	c, err := s.connection(connID)
	if err != nil {
		return err
	}
	c.setSigner(signer)
	return nil
}

// Lock takes the right to decide from a connection again.
func (s *Server) Lock(connID string) error {
	c, err := s.connection(connID)
	if err != nil {
		return err
	}
	c.setSigner(nil)
	return nil
}

func (s *Server) connection(id string) (*connection, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.conns[id]
	if c == nil {
		return nil, fmt.Errorf("connection %.40q: %w", id, ErrNoConnection)
	}
	return c, nil
}

func (s *Server) add(c *connection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns[c.id] = c
}

func (s *Server) remove(c *connection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c.id)
}
