package gateway

import (
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

// Definition is a tool, prompt, resource or template as its server defines it.
type Definition struct {
	Name string // of a resource its URI
	Text []byte // a JSON object
}

// Reviewer shows changed descriptions to a person. It puts those that it does
// not know into the queue, and says of each what became of it.
type Reviewer interface {
	Review(ctx context.Context, changes []learn.DescriptionChange) ([]learn.State, error)
}

// Pins remembers how each tool, prompt, resource and template was described when
// it was seen first, or approved last: that is what agents are told. Several
// gateways share the file.
type Pins struct {
	path  string
	to    Reviewer
	mu    sync.Mutex
	quiet fs.FileInfo   // of the file in which nothing waits
	kick  chan struct{} // holds one
}

// pin is one definition in the file.
type pin struct {
	Hash    string          `json:"hash,omitempty"` // of Told; "" while nothing is told
	Told    json.RawMessage `json:"told,omitempty"` // as it was when it was pinned
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

// OpenPins uses the file at path, which need not exist.
func OpenPins(path string, to Reviewer) *Pins {
	return &Pins{path: path, to: to, kick: make(chan struct{}, 1)}
}

// vet decides which definitions of one kind are told. said has a line for each
// that is not told as the server has it. The error means that nothing can be told.
func (p *Pins) vet(kind, server string, defs []Definition, now time.Time) (told []Definition, said map[string]string, err error) {
	said = map[string]string{}
	err = p.update(func(f *pinFile) (changed bool) {
		pins := f.of(kind, server)
		for _, d := range defs {
			hash, err := definitionHash(kind, d.Text)
			if err != nil {
				continue // it was valid before
			}
			changed = pins.see(d, hash, now) || changed
			t := pins[d.Name]
			switch {
			case t.Hash == hash: // what is not pinned of it may have changed
				told = append(told, d)
			case t.Told != nil:
				told = append(told, Definition{Name: d.Name, Text: t.Told})
			}
			if t.Waiting != nil {
				said[d.Name] = t.why(kind, server, d.Name)
			}
		}
		return pins.forgetOld(defs) || changed
	})
	if err != nil {
		return nil, nil, err
	}
	return told, said, nil
}

// why says in one line what is withheld.
func (p *pin) why(kind, server, name string) string {
	what := "its description changed; agents are told the earlier one"
	if p.Told == nil {
		what = "its description looks wrong (" + strings.Join(p.Waiting.Findings, "; ") + "); agents are not told of it"
	}
	if p.Waiting.State == learn.StateRejected {
		return what + ", as a reviewer rejected the new one"
	}
	return what + " until a reviewer approves it: lathe review show " + p.change(kind, server, name).ChangeID[:8]
}

// settle asks what became of the definitions that wait. It returns the servers
// of which agents are to be told something else; the error does not concern
// these.
func (p *Pins) settle(ctx context.Context, now time.Time) (servers []string, err error) {
	waiting, err := p.waiting()
	if err != nil || p.to == nil {
		return nil, err
	}
	for _, changes := range waiting { // each server by itself: one may not hold up another
		states, askErr := p.to.Review(ctx, changes)
		if askErr != nil || len(states) != len(changes) {
			err = errors.Join(err, askErr)
			continue
		}
		writeErr := p.update(func(f *pinFile) (changed bool) {
			for i, c := range changes {
				if f.of(c.Kind, c.Server).decide(c, states[i], now) {
					changed = true
					servers = append(servers, c.Server)
				}
			}
			return changed
		})
		err = errors.Join(err, writeErr)
	}
	slices.Sort(servers)
	return slices.Compact(servers), err
}

// waiting lists what is to be shown to a person, by server.
func (p *Pins) waiting() (out [][]learn.DescriptionChange, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	info, err := os.Stat(p.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("pinned descriptions: %w", err)
	}
	if err != nil || p.quiet != nil && os.SameFile(info, p.quiet) && info.ModTime().Equal(p.quiet.ModTime()) {
		return nil, nil
	}
	f, err := p.load()
	if err != nil {
		return nil, err
	}
	if out = f.waiting(); len(out) == 0 {
		p.quiet = info // it is replaced, never changed
	}
	return out, nil
}

func (p *Pins) load() (*pinFile, error) {
	f := &pinFile{}
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
		return nil, fmt.Errorf("pinned descriptions %s: %w; mend it, or delete it to pin what the servers say now", p.path, err)
	}
	f.each(func(_, _, name string, t *pin, of pins) {
		if t == nil || t.Told == nil && t.Waiting == nil {
			delete(of, name)
		}
	})
	return f, nil
}

// update changes the file under its lock.
func (p *Pins) update(change func(*pinFile) bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := os.MkdirAll(filepath.Dir(p.path), 0o700); err != nil {
		return fmt.Errorf("pinned descriptions: %w", err)
	}
	lock, err := os.OpenFile(p.path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return fmt.Errorf("pinned descriptions: %w", err)
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return fmt.Errorf("pinned descriptions: lock: %w", err)
	}
	f, err := p.load()
	if err != nil || !change(f) {
		return err
	}
	text := append(encode(f), '\n')
	if len(text) > maxPins { // load would refuse it, and with it every server's
		return fmt.Errorf("pinned descriptions %s: they would have more than %d bytes; lathe gateway pins forget SERVER makes room", p.path, maxPins)
	}
	return writeFile(p.path, text, 0o600)
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
