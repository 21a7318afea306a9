package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"lathe/learn"
)

const (
	// pinsEvery is how often the reviewer's word is asked for while a
	// description waits.
	pinsEvery = 2 * time.Second
	// maxPins bounds the file, in bytes.
	maxPins = 64 << 20
)

// Definition is a tool as its server defines it.
type Definition struct {
	Name string
	Text []byte // a JSON object
}

// Reviewer shows changed descriptions to a person. It puts those that it does
// not know into the queue, and says of each what became of it.
type Reviewer interface {
	Review(ctx context.Context, changes []learn.DescriptionChange) ([]learn.State, error)
}

// Pins remembers how each tool was described when it was seen first, or
// approved last: that is what agents are told. Several gateways share the file.
type Pins struct {
	path string
	to   Reviewer
	mu   sync.Mutex
	kick chan struct{} // holds one
}

// pin is one tool in the file.
type pin struct {
	Hash    string          `json:"hash,omitempty"` // of Told; "" while nothing is told
	Told    json.RawMessage `json:"told,omitempty"`
	Since   time.Time       `json:"since,omitzero"`
	Waiting *waiting        `json:"waiting,omitempty"`
}

// waiting is a definition that no person has approved.
type waiting struct {
	Definition json.RawMessage `json:"definition"`
	Hash       string          `json:"hash"`
	Findings   []string        `json:"findings,omitempty"`
	Seen       time.Time       `json:"seen"`
	State      learn.State     `json:"state"`
}

type pinFile struct {
	Servers map[string]map[string]*pin `json:"servers"`
}

// OpenPins uses the file at path, which need not exist.
func OpenPins(path string, to Reviewer) *Pins {
	return &Pins{path: path, to: to, kick: make(chan struct{}, 1)}
}

// definitionHash does not depend on the order of members or on white space.
func definitionHash(def []byte) (string, error) {
	dec := json.NewDecoder(bytes.NewReader(def))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return "", err
	}
	canonical, err := json.Marshal(v)
	return learn.ContentHash(canonical), err
}

// change is what a reviewer is shown of a waiting definition.
func (p *pin) change(server, tool string) learn.DescriptionChange {
	w := p.Waiting
	return learn.DescriptionChange{ChangeID: learn.UUIDv8("description", server, tool, w.Hash, p.Hash), Server: server, Tool: tool, Old: p.Told,
		New: w.Definition, Findings: w.Findings, ContentHash: learn.ContentHash([]byte(server + "\x00" + tool + "\x00" + w.Hash))}
}

// vet decides which definitions are told. said has a line for each that is not
// told as the server has it. The error means that nothing can be told.
func (p *Pins) vet(server string, defs []Definition, now time.Time) (told []Definition, said map[string]string, err error) {
	said = map[string]string{}
	err = p.update(func(f *pinFile) (changed bool) {
		tools := f.Servers[server]
		if tools == nil {
			tools = map[string]*pin{}
			f.Servers[server] = tools
		}
		for _, d := range defs {
			hash, err := definitionHash(d.Text)
			if err != nil {
				continue // it was valid before
			}
			t := tools[d.Name]
			switch findings := Suspect(d.Text); {
			case t == nil && len(findings) == 0:
				tools[d.Name] = &pin{Hash: hash, Told: d.Text, Since: now.UTC()}
				changed = true
			case t == nil:
				tools[d.Name] = &pin{Waiting: &waiting{Definition: d.Text, Hash: hash, Findings: findings, Seen: now.UTC(), State: learn.StateInReview}}
				changed = true
			case t.Hash == hash:
				changed = changed || t.Waiting != nil
				t.Waiting = nil
			case t.Waiting == nil || t.Waiting.Hash != hash:
				t.Waiting = &waiting{Definition: d.Text, Hash: hash, Findings: findings, Seen: now.UTC(), State: learn.StateInReview}
				changed = true
			}
			t = tools[d.Name]
			if t.Told != nil {
				told = append(told, Definition{Name: d.Name, Text: t.Told})
			}
			if t.Waiting != nil {
				said[d.Name] = t.why(server, d.Name)
			}
		}
		return changed
	})
	return told, said, err
}

// why says in one line what is withheld.
func (p *pin) why(server, tool string) string {
	what := "its description changed; agents are told the earlier one"
	if p.Told == nil {
		what = "its description looks wrong (" + strings.Join(p.Waiting.Findings, "; ") + "); agents are not told of it"
	}
	if p.Waiting.State == learn.StateRejected {
		return what + ", as a reviewer rejected the new one"
	}
	return what + " until a reviewer approves it: lathe review show " + p.change(server, tool).ChangeID[:8]
}

// settle asks what became of the definitions that wait. It returns the servers
// of which agents are to be told something else.
func (p *Pins) settle(ctx context.Context, now time.Time) (servers []string, err error) {
	var changes []learn.DescriptionChange
	f, err := p.load()
	if err != nil {
		return nil, err
	}
	for server, tools := range f.Servers {
		for tool, t := range tools {
			if t.Waiting != nil {
				changes = append(changes, t.change(server, tool))
			}
		}
	}
	if len(changes) == 0 || p.to == nil {
		return nil, nil
	}
	states, err := p.to.Review(ctx, changes)
	if err != nil || len(states) != len(changes) {
		return nil, errors.Join(err, ctx.Err())
	}
	err = p.update(func(f *pinFile) (changed bool) {
		for i, c := range changes {
			t := f.Servers[c.Server][c.Tool]
			if t == nil || t.Waiting == nil || t.change(c.Server, c.Tool).ChangeID != c.ChangeID || t.Waiting.State == states[i] {
				continue
			}
			changed = true
			if t.Waiting.State = states[i]; states[i] == learn.StateApproved {
				t.Hash, t.Told, t.Since, t.Waiting = t.Waiting.Hash, t.Waiting.Definition, now.UTC(), nil
			}
			servers = append(servers, c.Server)
		}
		return changed
	})
	slices.Sort(servers)
	return slices.Compact(servers), err
}

func (p *Pins) load() (*pinFile, error) {
	f := &pinFile{Servers: map[string]map[string]*pin{}}
	text, err := os.ReadFile(p.path)
	if errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	if err == nil && len(text) > maxPins {
		err = fmt.Errorf("it has more than %d bytes", maxPins)
	}
	if err == nil {
		err = json.Unmarshal(text, f)
	}
	if err != nil {
		return nil, fmt.Errorf("pinned tool descriptions %s: %w; mend it, or delete it to pin what the servers say now", p.path, err)
	}
	if f.Servers == nil {
		f.Servers = map[string]map[string]*pin{}
	}
	for _, tools := range f.Servers {
		for tool, t := range tools {
			if t == nil || t.Told == nil && t.Waiting == nil {
				delete(tools, tool)
			}
		}
	}
	return f, nil
}

// update changes the file under its lock.
func (p *Pins) update(change func(*pinFile) bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := os.MkdirAll(filepath.Dir(p.path), 0o700); err != nil {
		return fmt.Errorf("pinned tool descriptions: %w", err)
	}
	lock, err := os.OpenFile(p.path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("pinned tool descriptions: %w", err)
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("pinned tool descriptions: lock: %w", err)
	}
	f, err := p.load()
	if err != nil || !change(f) {
		return err
	}
	return writeFile(p.path, append(encode(f), '\n'), 0o600)
}

// writeFile replaces a file in one step.
func writeFile(path string, content []byte, mode fs.FileMode) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), ".lathe-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // of no effect once it is renamed
	_, err = tmp.Write(content)
	err = errors.Join(err, tmp.Chmod(mode), tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	return err
}
