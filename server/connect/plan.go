package connect

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pmezard/go-difflib/difflib"
)

// maxSettings bounds a settings file, in bytes. Claude Code's grows with its
// use.
const maxSettings = 64 << 20

// Change is what happens to one file.
type Change struct {
	Path   string `json:"path"`
	What   string `json:"what"`
	Before string `json:"-"`
	After  string `json:"-"`
	Was    bool   `json:"existed"` // before
	Gone   bool   `json:"removed"` // afterwards
	Diff   string `json:"diff"`

	real  string // where a link leads
	clean string // Before, without what an earlier connect put there
	mode  fs.FileMode
}

// Plan is what connecting or removing would change; nothing when Changes is
// empty.
type Plan struct {
	Client  string   `json:"client"`
	Remove  bool     `json:"remove"`
	Changes []Change `json:"changes"`
	Note    string   `json:"note,omitempty"`

	store string
}

// saved is what was written for a client, and what was there before.
type saved struct {
	Files map[string]savedFile `json:"files"` // by path
}

type savedFile struct {
	Existed bool     `json:"existed"`
	Before  []byte   `json:"before,omitempty"`
	After   string   `json:"after_sha256"`
	Dirs    []string `json:"dirs,omitempty"` // that were made for it, the innermost first
}

// NewPlan says what connecting a client, or removing Lathe from it, changes.
// store is the folder in which what was there before is kept.
func NewPlan(c Client, l Lathe, w Where, store string, remove bool) (Plan, error) {
	p := Plan{Client: c.Name, Remove: remove, Changes: []Change{}, store: store}
	if !remove {
		p.Note = c.Note
	}
	past, err := load(store, c.Name)
	if err != nil {
		return p, err
	}
	for _, f := range c.files(l, w) {
		ch, err := change(f, past.Files[f.path], remove)
		if err != nil {
			return p, fmt.Errorf("%s: %w", f.path, err)
		}
		if ch.Before != ch.After || ch.Was == ch.Gone {
			p.Changes = append(p.Changes, ch)
		}
	}
	return p, nil
}

func change(f settingsFile, past savedFile, remove bool) (Change, error) {
	ch := Change{Path: f.path, What: f.what, real: f.path, mode: 0o600}
	if real, err := filepath.EvalSymlinks(f.path); err == nil {
		ch.real = real
	}
	text, mode, err := readSettings(ch.real)
	switch {
	case err == nil:
		ch.Was, ch.Before, ch.mode = true, text, mode
	case !errors.Is(err, fs.ErrNotExist):
		return ch, err
	}
	err = nil
	switch {
	case !remove:
		ch.clean = ch.Before
		if past.After != "" && past.After != digest(ch.Before) {
			ch.clean, err = f.edit.remove(ch.Before, string(past.Before))
		}
		if err == nil {
			ch.After, err = f.edit.apply(ch.Before)
		}
	case !ch.Was:
		ch.Gone = true
		return ch, nil
	case past.After == digest(ch.Before): // nobody changed it since
		ch.After, ch.Gone = string(past.Before), !past.Existed
	default:
		if ch.After, err = f.edit.remove(ch.Before, string(past.Before)); err == nil {
			ch.Gone = ch.After == ""
		}
	}
	if err != nil {
		return ch, err
	}
	ch.Diff, err = difflib.GetUnifiedDiffString(difflib.UnifiedDiff{A: splitLines(ch.Before), B: splitLines(ch.After),
		FromFile: f.path, ToFile: f.path, Context: 3})
	return ch, err
}

func splitLines(text string) []string {
	if text == "" {
		return nil
	}
	if !strings.HasSuffix(text, "\n") {
		text += "\n\\ no newline at the end\n"
	}
	lines := strings.SplitAfter(text, "\n")
	return lines[:len(lines)-1]
}

func readSettings(path string) (string, fs.FileMode, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", 0, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxSettings {
		return "", 0, fmt.Errorf("it is not a regular file of at most %d bytes", maxSettings)
	}
	raw, err := os.ReadFile(path)
	return string(raw), info.Mode().Perm(), err
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// Apply writes the changes. What was there before is kept first; a file that
// changed since the plan was made stops it.
func (p Plan) Apply() error {
	past, err := load(p.store, p.Client)
	if err != nil {
		return err
	}
	var made []string // folders that go when they are empty
	for _, ch := range p.Changes {
		text, _, err := readSettings(ch.real)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s: %w", ch.Path, err)
		}
		if (err == nil) != ch.Was || text != ch.Before {
			return fmt.Errorf("%s was changed by somebody else meanwhile: look at what would change again", ch.Path)
		}
		if !p.Remove {
			f, known := past.Files[ch.Path]
			if !known || f.After != digest(ch.Before) {
				f = savedFile{Existed: ch.Was, Before: []byte(ch.clean), Dirs: missingDirs(ch.real)}
			}
			f.After = digest(ch.After)
			past.Files[ch.Path] = f
			if err := past.store(p.store, p.Client); err != nil {
				return err
			}
		}
		if err := ch.write(); err != nil {
			return fmt.Errorf("%s: %w", ch.Path, err)
		}
		if p.Remove {
			made = append(made, past.Files[ch.Path].Dirs...)
			delete(past.Files, ch.Path)
		}
	}
	slices.SortFunc(made, func(a, b string) int { return len(b) - len(a) }) // the innermost first
	for _, dir := range made {
		_ = os.Remove(dir) // one that is in use by now stays
	}
	return past.store(p.store, p.Client)
}

// missingDirs are the folders that have to be made for a file, the innermost
// first.
func missingDirs(path string) (dirs []string) {
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
			return dirs
		}
		dirs = append(dirs, dir)
	}
}

func (ch Change) write() error {
	if ch.Gone {
		return os.Remove(ch.real)
	}
	return writeWhole(ch.real, []byte(ch.After), ch.mode)
}

// writeWhole replaces a file in one step.
func writeWhole(path string, data []byte, mode fs.FileMode) (err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".lathe-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(f.Name()))
		}
	}()
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

func load(store, client string) (saved, error) {
	s := saved{Files: map[string]savedFile{}}
	raw, err := os.ReadFile(filepath.Join(store, client+".json"))
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, err
	}
	if err := json.NewDecoder(bytes.NewReader(raw)).Decode(&s); err != nil {
		return s, fmt.Errorf("what was kept of %s's settings is damaged (%s: %w): move it away", client, filepath.Join(store, client+".json"), err)
	}
	if s.Files == nil {
		s.Files = map[string]savedFile{}
	}
	return s, nil
}

func (s saved) store(store, client string) error {
	path := filepath.Join(store, client+".json")
	if len(s.Files) == 0 {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	raw, err := json.MarshalIndent(s, "", " ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(store, 0o700); err != nil {
		return err
	}
	return writeWhole(path, append(raw, '\n'), 0o600)
}
