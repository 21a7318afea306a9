package lsp

import (
	"slices"
	"strings"
)

// offer is an action that the editor was given, on one file.
type offer struct {
	subject string // a proposal or a remedy, by id
	hash    string // of the proposal's content, when it is one
	path    string
}

// maxOffers bounds what is remembered of a connection.
const maxOffers = 10_000

// offers remember what was offered and not taken yet. An editor asks for
// actions at every move of the cursor: each is recorded once.
type offers map[offer]bool // true when it was taken

// add reports the offers that are new.
func (o offers) add(list []offer) []offer {
	var fresh []offer
	for _, x := range list {
		if _, known := o[x]; !known && len(o) < maxOffers {
			o[x] = false
			fresh = append(fresh, x)
		}
	}
	return fresh
}

// take marks what is offered for a subject as taken, and gives its file.
func (o offers) take(subject string) (path string) {
	for x := range o {
		if x.subject == subject {
			o[x] = true
			path = x.path
		}
	}
	return path
}

// close forgets a file's offers and gives those that were not taken.
func (o offers) close(path string) []offer {
	var out []offer
	for x, taken := range o {
		if x.path != path {
			continue
		}
		if !taken {
			out = append(out, x)
		}
		delete(o, x)
	}
	slices.SortFunc(out, func(a, b offer) int { return strings.Compare(a.subject, b.subject) })
	return out
}

// offering is the body of the events about offers.
type offering struct {
	Path     string   `json:"path"`
	Subjects []string `json:"subjects"` // ids of proposals and remedies
}

func subjects(list []offer) []string {
	var out []string
	for _, x := range list {
		if !slices.Contains(out, x.subject) {
			out = append(out, x.subject)
		}
	}
	return out
}

// noteOffers records what was offered for the first time.
func (c *connection) noteOffers(path string, list []offer) {
	if len(list) == 0 {
		return
	}
	c.mu.Lock()
	fresh := c.offers.add(list)
	c.mu.Unlock()
	if len(fresh) > 0 {
		c.note(path, ToolOffered, offering{path, subjects(fresh)}, nil)
	}
}

// dismissed records what was offered in a file and not taken when it closed.
func (c *connection) dismissed(path string) {
	c.mu.Lock()
	left := c.offers.close(path)
	c.mu.Unlock()
	if len(left) > 0 {
		c.note(path, ToolDismissed, offering{path, subjects(left)}, nil)
	}
}

// dismissAll does so for all files when the editor leaves.
func (c *connection) dismissAll() {
	c.mu.Lock()
	paths := map[string]bool{}
	for x := range c.offers {
		paths[x.path] = true
	}
	c.mu.Unlock()
	for p := range paths {
		c.dismissed(p)
	}
}
