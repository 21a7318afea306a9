package codegraph

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"lathe/learn"
)

// Bounds of what is read of git.
const (
	maxCommits      = 20_000 // of the workspace's history
	maxFileCommits  = 200    // of one file's, with its changes
	maxGitOutput    = 64 << 20
	gitTime         = 30 * time.Second
	maxFileHistory  = 500 // files of which the entities' histories are kept
	recordSeparator = "\x1e"
	fieldSeparator  = "\x1f"
)

// history is what git knows of the workspace. Nothing of it is read until
// ReadHistory or EntityHistory is called, and nothing is invented: without git,
// or for a file that was never committed, there is none.
type history struct {
	mu      sync.Mutex
	head    string // the commit that files is of
	bounded bool
	files   map[string]fileHistory
	parts   map[string]map[string]learn.CodeHistory // path, content hash and head -> entity
}

type fileHistory struct {
	changed time.Time
	author  string
	commit  string
	changes int
}

// known is what was read of an entity's history so far: its own, or else that
// of its file; nil for none.
func (h *history) known(path, hash string, e learn.CodeEntity) *learn.CodeHistory {
	h.mu.Lock()
	defer h.mu.Unlock()
	if own, ok := h.parts[path+"\x00"+hash+"\x00"+h.head][e.ID]; ok {
		return &own
	}
	if _, ok := h.files[path]; !ok {
		return nil
	}
	whole := h.ofFile(path)
	return &whole
}

func (h *history) ofFile(path string) learn.CodeHistory {
	f := h.files[path]
	return learn.CodeHistory{Changed: f.changed, Author: f.author, Commit: f.commit, Changes: f.changes, Whole: true, Bounded: h.bounded}
}

// ErrNoGit: git is not installed, or the workspace is not under git.
var ErrNoGit = errors.New("codegraph: no git history here")

// ReadHistory reads what git knows of every file, in one pass over at most
// 20,000 commits. It costs nothing when the last commit is the one of the last
// reading.
func (g *Graph) ReadHistory(ctx context.Context) error {
	head, err := g.git(ctx, "rev-parse", "--verify", "-q", "HEAD")
	if err != nil {
		return err
	}
	commit := strings.TrimSpace(string(head))
	h := &g.history
	h.mu.Lock()
	same := h.head == commit
	h.mu.Unlock()
	if same || commit == "" {
		return nil
	}
	out, err := g.log(ctx, commit, ".", maxCommits, "--name-only", "--relative", "-z")
	if err != nil {
		return err
	}
	files, commits := parseLog(out)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.head, h.files, h.bounded = commit, files, commits >= maxCommits || len(out) >= maxGitOutput
	h.parts = map[string]map[string]learn.CodeHistory{}
	return nil
}

// parseLog reads records of a commit, its time, its author and the files that
// it touched, the newest first.
func parseLog(out []byte) (files map[string]fileHistory, commits int) {
	files = map[string]fileHistory{}
	for record := range strings.SplitSeq(string(out), recordSeparator) {
		head, names, _ := strings.Cut(record, "\n")
		if !strings.Contains(head, fieldSeparator) {
			continue
		}
		head = strings.TrimRight(head, "\x00")
		c, ok := parseCommit(head)
		if !ok {
			continue
		}
		commits++
		for name := range strings.SplitSeq(names, "\x00") {
			if name = strings.Trim(name, "\n"); name == "" {
				continue
			}
			f, known := files[name]
			if !known {
				f = c
			}
			f.changes++
			files[name] = f
		}
	}
	return files, commits
}

func parseCommit(line string) (fileHistory, bool) {
	parts := strings.Split(strings.Trim(line, "\x00\n"), fieldSeparator)
	if len(parts) != 3 {
		return fileHistory{}, false
	}
	seconds, err := strconv.ParseInt(parts[1], 10, 64)
	if err != nil {
		return fileHistory{}, false
	}
	return fileHistory{commit: parts[0], changed: time.Unix(seconds, 0).UTC(), author: cutAuthor(parts[2])}, true
}

func cutAuthor(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	if len(s) > maxName {
		s = strings.ToValidUTF8(s[:maxName], "")
	}
	return s
}

// FileHistory reads which commits touched which entities of a file: from the
// newest of its last 200 commits back, each entity's lines are carried through
// each commit's hunks, and a hunk within them is a change of the entity. What
// the working tree has beyond the last commit comes first, as Uncommitted; with
// more than 1,000 lines of it the entities have the file's history instead. A
// rename ends the history. Once read it is kept until the file or the last
// commit changes.
func (g *Graph) FileHistory(ctx context.Context, name string) error {
	if err := g.ReadHistory(ctx); err != nil {
		return err
	}
	g.mu.RLock()
	f := g.files[name]
	g.mu.RUnlock()
	h := &g.history
	h.mu.Lock()
	known := f == nil || h.files[name].changes == 0 || h.parts[name+"\x00"+f.hash+"\x00"+h.head] != nil
	head := h.head
	h.mu.Unlock()
	if known {
		return nil
	}
	parts, err := g.partHistory(ctx, f, name, head)
	if err != nil || parts == nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.parts) >= maxFileHistory {
		clear(h.parts)
	}
	if h.parts != nil && h.head == head {
		h.parts[name+"\x00"+f.hash+"\x00"+head] = parts
	}
	return nil
}

// partHistory is the history of a file's entities; nil when the file is not
// the one that was indexed. What the working tree has is read and compared
// here: git would pass it through filters, programs that the checkout names.
func (g *Graph) partHistory(ctx context.Context, f *file, name, head string) (map[string]learn.CodeHistory, error) {
	src, err := g.read(name)
	if err != nil {
		return nil, fmt.Errorf("codegraph: history of %s: %w", name, err)
	}
	if learn.ContentHash(src) != f.hash {
		return nil, nil // it changed since the last Update
	}
	committed, err := g.committed(ctx, head, name)
	if err != nil {
		return nil, err
	}
	log, err := g.log(ctx, head, name, maxFileCommits, "-p", "-U0", "--inter-hunk-context=0", "--text")
	if err != nil {
		return nil, err
	}
	dirty, ok := lineChanges(textLines(committed), textLines(src))
	g.mu.RLock()
	defer g.mu.RUnlock()
	parts := carry(f, dirty, log)
	if !ok {
		g.history.mu.Lock()
		defer g.history.mu.Unlock()
		whole := g.history.ofFile(name)
		whole.Uncommitted = true
		for id := range parts {
			parts[id] = whole
		}
	}
	return parts, nil
}
