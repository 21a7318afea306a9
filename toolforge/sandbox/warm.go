package sandbox

import (
	_ "embed"
	"errors"
	"path"
	"strconv"
	"strings"
)

// ErrNotWarm says that a call was not begun in a warm interpreter and may be
// made in a new sandbox; the text says why.
var ErrNotWarm = errors.New("sandbox: no warm interpreter")

// warmProgram is the guest's side of Warm.
//
//go:embed guest/warm.py
var warmProgram []byte

// warmName is its name among a run's files.
const warmName = ".lathe-warm.py"

// Program is a Python program to be kept warm, in place of `python3 -I Path
// Args`.
type Program struct {
	Path string   // in the guest
	Args []string // after the path
	// Read are further sources, by their guest paths, to be compiled with it
	// (and not executed) before the first call.
	Read []string
	// Import are modules to be imported before the first call, if they are
	// harmless ones of the standard library, as are those that the program
	// imports when it starts and those that Read name anywhere.
	Import []string
	// Rehearsal, when it is not empty, is the guest path of a source that each
	// call's process executes while it still waits for the call, with its output
	// thrown away: what it goes through costs the call less. Whoever makes the
	// program makes this; nothing of the tool that it calls belongs in it.
	Rehearsal string
}

// warmSpec makes a run's description into that of an interpreter that waits.
// Scratch folders are emptied after each call, so nothing else may lie there.
func warmSpec(spec *Spec, p Program, channelFD int) (*Spec, error) {
	s := *spec
	s.Files = map[string][]byte{warmName: warmProgram}
	for name, data := range spec.Files {
		s.Files[name] = data
	}
	s.Args = []string{"python3", "-I", path.Join(cmpFilesDir(spec), warmName), strconv.Itoa(channelFD)}
	for _, r := range p.Read {
		s.Args = append(s.Args, "--read", r)
	}
	for _, m := range p.Import {
		s.Args = append(s.Args, "--import", m)
	}
	if p.Rehearsal != "" {
		s.Args = append(s.Args, "--rehearsal", p.Rehearsal)
	}
	s.Args = append(append(s.Args, p.Path), p.Args...)
	if s.OutDir != "" || s.Stdin != nil {
		return nil, bad("an interpreter that waits has no output folder and no input of its own")
	}
	if inScratch(cmpFilesDir(spec)) {
		return nil, bad("the files of an interpreter that waits may not lie in %s, which is emptied", s.FilesDir)
	}
	for _, b := range s.Binds {
		if b.Staged {
			return nil, bad("what is staged belongs to one run: %s", b.Guest)
		}
		if inScratch(b.Guest) {
			return nil, bad("a bind of an interpreter that waits may not lie in %s, which is emptied", b.Guest)
		}
	}
	return s.normal()
}

func cmpFilesDir(s *Spec) string {
	if s.FilesDir == "" {
		return "/in"
	}
	return s.FilesDir
}

func inScratch(p string) bool {
	return p == "/tmp" || strings.HasPrefix(p, "/tmp/")
}

// ended is the guest's word on a call that is over.
type endedCall struct {
	Status int     `json:"status"` // as wait(2) gives it
	CPU    float64 `json:"cpu"`    // seconds
	RSS    int64   `json:"rss"`    // bytes
}

// settledCall is its word that a child waits for the next call, or why there
// must be none.
type settledCall struct {
	Ready    bool   `json:"ready"`
	Spent    string `json:"spent"`
	Resident int64  `json:"resident"`
}
