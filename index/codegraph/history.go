package codegraph

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
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
	f, ok := h.files[path]
	if !ok {
		return nil
	}
	return &learn.CodeHistory{Changed: f.changed, Author: f.author, Commit: f.commit, Changes: f.changes, Whole: true, Bounded: h.bounded}
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
	out, err := g.git(ctx, "log", "--no-show-signature", "--no-renames", "--name-only", "--relative", "-z", "-n", strconv.Itoa(maxCommits),
		"--format="+recordSeparator+"%H"+fieldSeparator+"%ct"+fieldSeparator+"%an", "HEAD", "--", ".")
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

var hunk = regexp.MustCompile(`^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@`)

// FileHistory reads which commits touched which entities of a file: from the
// newest of its last 200 commits back, each entity's lines are carried through
// each commit's hunks, and a hunk within them is a change of the entity. What
// the working tree has beyond the last commit comes first, as Uncommitted. A
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
	dirty, err := g.git(ctx, "diff", "--no-ext-diff", "--no-textconv", "--no-color", "-U0", "HEAD", "--", name)
	if err != nil {
		return err
	}
	log, err := g.git(ctx, "log", "--no-show-signature", "--no-renames", "--no-ext-diff", "--no-textconv", "--no-color", "-U0", "-p",
		"-n", strconv.Itoa(maxFileCommits), "--format="+recordSeparator+"%H"+fieldSeparator+"%ct"+fieldSeparator+"%an", "HEAD", "--", name)
	if err != nil {
		return err
	}
	g.mu.RLock()
	parts := carry(f, dirty, log)
	g.mu.RUnlock()
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

// span of an entity on its way back through the commits.
type carried struct {
	id       string
	from, to int
	gone     bool // it did not exist before
	h        learn.CodeHistory
}

// carry takes a file's entities back through what changed.
func carry(f *file, dirty, log []byte) map[string]learn.CodeHistory {
	var all []*carried
	for i := 2; i < len(f.entities); i++ {
		all = append(all, &carried{id: f.id(i), from: int(f.entities[i].line), to: int(f.entities[i].end)})
	}
	for _, c := range all {
		c.h.Uncommitted = c.back(hunks(dirty))
	}
	commits := 0
	for record := range strings.SplitSeq(string(log), recordSeparator) {
		head, diff, _ := strings.Cut(record, "\n")
		commit, ok := parseCommit(head)
		if !ok {
			continue
		}
		commits++
		changed := hunks([]byte(diff))
		for _, c := range all {
			if c.back(changed) {
				if c.h.Changes++; c.h.Changes == 1 {
					c.h.Changed, c.h.Author, c.h.Commit = commit.changed, commit.author, commit.commit
				}
			}
		}
	}
	found := map[string]learn.CodeHistory{}
	for _, c := range all {
		c.h.Bounded = commits >= maxFileCommits && !c.gone
		found[c.id] = c.h
	}
	return found
}

// change is a hunk without context: a range of old lines became one of new.
type change struct{ oldFrom, oldCount, newFrom, newCount int }

func hunks(diff []byte) []change {
	var found []change
	for s := bufio.NewScanner(bytes.NewReader(diff)); ; {
		s.Buffer(nil, 1<<20)
		for s.Scan() {
			if m := hunk.FindSubmatch(s.Bytes()); m != nil {
				found = append(found, change{number(m[1], 0), number(m[2], 1), number(m[3], 0), number(m[4], 1)})
			}
		}
		return found
	}
}

func number(b []byte, otherwise int) int {
	if n, err := strconv.Atoi(string(b)); err == nil {
		return n
	}
	return otherwise
}

// back carries the lines to what they were before a commit's hunks, which are
// in order, and reports whether one of the hunks lies within them.
func (c *carried) back(changed []change) (touched bool) {
	if c.gone {
		return false
	}
	lost := 0
	for _, h := range changed {
		first, last := h.lines()
		inside := min(last, c.to) - max(first, c.from) + 1
		if inside > 0 || h.newCount == 0 && c.from <= h.newFrom && h.newFrom < c.to {
			touched = true
			lost += max(0, inside)
		}
	}
	c.gone = lost > c.to-c.from // all of it is new
	c.from, c.to = before(changed, c.from, false), before(changed, c.to, true)
	c.to = max(c.from, c.to)
	return touched
}

// lines are the new ones; what only took lines out has none.
func (h *change) lines() (first, last int) {
	if h.newCount == 0 {
		return h.newFrom + 1, h.newFrom
	}
	return h.newFrom, h.newFrom + h.newCount - 1
}

// before is the line that a line was: of what is new, the begin or the end of
// what stood there.
func before(changed []change, line int, end bool) int {
	shift := 0
	for _, h := range changed {
		first, last := h.lines()
		switch {
		case last < line:
			shift += h.oldCount - h.newCount
		case first <= line && end:
			return h.oldFrom + max(0, h.oldCount-1)
		case first <= line && h.oldCount == 0:
			return h.oldFrom + 1
		case first <= line:
			return h.oldFrom
		}
	}
	return line + shift
}

// git runs git in the workspace. A checkout brings its own configuration
// along, so whatever in it would start a program is switched off, and nothing
// is fetched.
func (g *Graph) git(ctx context.Context, args ...string) ([]byte, error) {
	program, err := exec.LookPath("git")
	if err != nil {
		return nil, ErrNoGit
	}
	if _, err := os.Stat(g.dir); err != nil {
		return nil, fmt.Errorf("codegraph: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, gitTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, append([]string{"--no-pager", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null",
		"-c", "protocol.allow=never", "-c", "log.showSignature=false", "-c", "core.quotePath=false", "-c", "diff.external=", "-c", "core.alternateRefsCommand="}, args...)...)
	cmd.Dir = g.dir
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "GIT_") { // a hook's environment names another repository
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, "GIT_OPTIONAL_LOCKS=0", "GIT_NO_LAZY_FETCH=1", "GIT_TERMINAL_PROMPT=0", "LC_ALL=C")
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("codegraph: git: %w", err)
	}
	var problems bytes.Buffer
	cmd.Stderr = &limited{&problems, 4096}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("codegraph: git: %w", err)
	}
	out, err := io.ReadAll(io.LimitReader(pipe, maxGitOutput))
	if len(out) >= maxGitOutput { // what is there is the newest; the rest is not needed
		cancel()
		_ = cmd.Wait()
		return out, nil
	}
	if err := errors.Join(err, cmd.Wait()); err != nil {
		if text := problems.String(); strings.Contains(text, "not a git repository") || text == "" {
			return nil, ErrNoGit
		}
		return nil, fmt.Errorf("codegraph: git %s: %w: %s", args[0], err, strings.TrimSpace(problems.String()))
	}
	return out, nil
}

// limited writes as much as fits.
type limited struct {
	w    *bytes.Buffer
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	l.w.Write(p[:min(len(p), max(0, l.left-l.w.Len()))])
	return len(p), nil
}
