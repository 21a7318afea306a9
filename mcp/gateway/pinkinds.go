package gateway

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"lathe/learn"
)

// The kinds of definitions that are pinned, as learn.DescriptionChange has them.
const (
	kindTool     = ""
	kindPrompt   = "prompt"
	kindResource = "resource"
	kindTemplate = "template"
)

const (
	// maxPinned bounds the pins of one kind of a server; beyond it those that the
	// server does not list any more go first.
	maxPinned = 2 * maxEntries
	// maxWaiting bounds what of one server waits before a person at once.
	maxWaiting = 200
)

// pins are a server's of one kind, by name.
type pins map[string]*pin

type pinFile struct {
	Servers map[string]pins            `json:"servers"`          // of tools
	Others  map[string]map[string]pins `json:"others,omitempty"` // by kind, then server
}

// of returns a server's pins, to be changed.
func (f *pinFile) of(kind, server string) pins {
	servers := f.Servers
	if kind != kindTool {
		servers = f.Others[kind]
	}
	if of := servers[server]; of != nil {
		return of
	}
	if servers == nil {
		servers = map[string]pins{}
	}
	servers[server] = pins{}
	switch {
	case kind == kindTool:
		f.Servers = servers
	case f.Others == nil:
		f.Others = map[string]map[string]pins{kind: servers}
	default:
		f.Others[kind] = servers
	}
	return servers[server]
}

// each yields all pins by kind, server and name.
func (f *pinFile) each(yield func(kind, server, name string, t *pin, of pins)) {
	all := map[string]map[string]pins{kindTool: f.Servers}
	maps.Copy(all, f.Others)
	for _, kind := range slices.Sorted(maps.Keys(all)) {
		for _, server := range slices.Sorted(maps.Keys(all[kind])) {
			of := all[kind][server]
			for _, name := range slices.Sorted(maps.Keys(of)) {
				yield(kind, server, name, of[name], of)
			}
		}
	}
}

// waiting lists what a person is to decide on, by server: of each what is not
// decided first, and not more than one can look at.
func (f *pinFile) waiting() (out [][]learn.DescriptionChange) {
	type one struct {
		change   learn.DescriptionChange
		rejected bool
	}
	by := map[string][]one{}
	f.each(func(kind, server, name string, t *pin, _ pins) {
		if t.Waiting != nil {
			by[server] = append(by[server], one{t.change(kind, server, name), t.Waiting.State == learn.StateRejected})
		}
	})
	for _, server := range slices.Sorted(maps.Keys(by)) {
		all := by[server]
		slices.SortStableFunc(all, func(a, b one) int {
			switch {
			case a.rejected == b.rejected:
				return 0
			case b.rejected:
				return -1
			}
			return 1
		})
		var changes []learn.DescriptionChange
		for _, o := range all[:min(len(all), maxWaiting)] {
			changes = append(changes, o.change)
		}
		out = append(out, changes)
	}
	return out
}

// see notes how a definition is now; it reports whether that changed a pin.
func (p pins) see(d Definition, hash string, now time.Time) bool {
	t, findings := p[d.Name], Suspect(d.Text)
	wait := &waiting{Definition: d.Text, Hash: hash, Findings: findings, Seen: now.UTC(), State: learn.StateInReview}
	switch {
	case t == nil && len(findings) == 0:
		p[d.Name] = &pin{Hash: hash, Told: d.Text, Since: now.UTC()}
	case t == nil:
		p[d.Name] = &pin{Waiting: wait}
	case t.Hash == hash && t.Waiting == nil:
		return false
	case t.Hash == hash:
		t.Waiting = nil
	case t.Waiting != nil && t.Waiting.Hash == hash:
		return false
	default:
		t.Waiting = wait
	}
	return true
}

// forgetOld drops the oldest pins of what is not listed any more, when there are
// too many: a server may name ever new ones.
func (p pins) forgetOld(listed []Definition) bool {
	over := len(p) - maxPinned
	if over <= 0 {
		return false
	}
	there := map[string]bool{}
	for _, d := range listed {
		there[d.Name] = true
	}
	var old []string
	for _, name := range slices.Sorted(maps.Keys(p)) {
		if !there[name] {
			old = append(old, name)
		}
	}
	slices.SortStableFunc(old, func(a, b string) int { return p[a].seen().Compare(p[b].seen()) })
	for _, name := range old[:min(over, len(old))] {
		delete(p, name)
	}
	return len(old) > 0
}

func (p *pin) seen() time.Time {
	if p.Waiting != nil {
		return p.Waiting.Seen
	}
	return p.Since
}

// decide notes what a person said of a change; false when that is nothing new.
func (p pins) decide(c learn.DescriptionChange, state learn.State, now time.Time) bool {
	t := p[c.Tool]
	if t == nil || t.Waiting == nil || t.change(c.Kind, c.Server, c.Tool).ChangeID != c.ChangeID || t.Waiting.State == state {
		return false
	}
	if t.Waiting.State = state; state == learn.StateApproved {
		t.Hash, t.Told, t.Since, t.Waiting = t.Waiting.Hash, t.Waiting.Definition, now.UTC(), nil
	}
	return true
}

// change is what a reviewer is shown of a waiting definition.
func (p *pin) change(kind, server, name string) learn.DescriptionChange {
	w := p.Waiting
	mark := "" // a tool's ids are as they were before there were other kinds
	if kind != kindTool {
		mark = "\x00" + kind + "\x00"
	}
	return learn.DescriptionChange{ChangeID: learn.UUIDv8("description", mark+server, name, w.Hash, p.Hash), Server: server, Kind: kind, Tool: name, Old: p.Told,
		New: w.Definition, Findings: w.Findings, ContentHash: learn.ContentHash([]byte(mark + server + "\x00" + name + "\x00" + w.Hash))}
}

// definitionHash does not depend on the order of members or on white space; nor,
// of a resource, on its size and when it was changed.
func definitionHash(kind string, def []byte) (string, error) {
	dec := json.NewDecoder(bytes.NewReader(def))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return "", err
	}
	if m, ok := v.(map[string]any); ok && (kind == kindResource || kind == kindTemplate) {
		passing(m)
	}
	canonical, err := json.Marshal(v)
	return learn.ContentHash(canonical), err
}

// passing takes out of a resource what changes with its content and says
// nothing to a model: a size that is a number, a time that is one.
func passing(m map[string]any) {
	if _, ok := m["size"].(json.Number); ok {
		delete(m, "size")
	}
	notes, _ := m["annotations"].(map[string]any)
	if at, ok := notes["lastModified"].(string); ok && len(at) <= 40 {
		if _, err := time.Parse(time.RFC3339, at); err == nil {
			delete(notes, "lastModified")
		}
	}
	if len(notes) == 0 {
		delete(m, "annotations")
	}
}

// kindName is how people are told a kind.
func kindName(kind string) string { return cmp.Or(kind, "tool") }
