package gateway

import (
	"fmt"
	"slices"
)

// maxOther bounds the definition of a prompt, resource or template, in bytes.
const maxOther = 64 << 10

// maxURI bounds a name or URI of a server, in bytes.
const maxURI = 2048

// readOthers checks prompts, resources or templates and lets the pins decide
// which definition is told.
func (u *upstream) readOthers(kind string, defs [][]byte, leave func(error)) []entry {
	called := func(own string) string { return own }
	if kind == kindPrompt {
		called = func(own string) string { return Name(u.cfg.Name, own) }
	}
	var sound []Definition
	seen := map[string]bool{}
	for _, def := range defs {
		own, def, err := checkOther(kind, def)
		switch {
		case err != nil:
			leave(err)
		case seen[own]:
			leave(fmt.Errorf("%s %s: there are two of this name; the first stands", kind, plain(own, 200)))
		default:
			seen[own] = true
			sound = append(sound, Definition{Name: own, Text: def})
		}
	}
	var out []entry
	for _, d := range u.vet(kind, sound, called, leave) {
		e := entry{u: u, own: d.Name, name: called(d.Name), def: d.Text}
		if kind == kindPrompt {
			e.def = withFields(e.def, change{"name", quote(e.name)})
		}
		out = append(out, e)
	}
	return out
}

// otherFields are what a definition beside the tools' may have, and the byte
// that such a value begins with; 0 is a number.
var otherFields = map[string]byte{"name": '"', "title": '"', "description": '"', "uri": '"', "uriTemplate": '"', "mimeType": '"',
	"size": 0, "arguments": '[', "icons": '[', "annotations": '{', "_meta": '{'}

// identified is the member that a kind is known by.
var identified = map[string]string{kindPrompt: "name", kindResource: "uri", kindTemplate: "uriTemplate"}

// checkOther checks what strict clients check, to whom one bad definition breaks
// the whole list. What is null counts as not there.
func checkOther(kind string, def []byte) (own string, mended []byte, err error) {
	own = text(field(def, identified[kind]))
	if own == "" || len(own) > maxURI || len(def) > maxOther {
		return "", nil, fmt.Errorf("a %s has no %s, one of more than %d bytes, or more than %d bytes in all", kind, identified[kind], maxURI, maxOther)
	}
	var changes []change
	eachField(def, func(key, value []byte) {
		begins, known := otherFields[string(key)]
		switch {
		case !known:
		case notNull(value) == nil:
			changes = append(changes, change{string(key), nil})
		case begins != 0 && value[0] != begins, begins == 0 && (value[0] < '0' || value[0] > '9') && value[0] != '-':
			err = fmt.Errorf("%s %s: its %s is of a wrong type", kind, plain(own, 200), plain(string(key), 50))
		}
	})
	if err != nil {
		return "", nil, err
	}
	if text(field(def, "name")) == "" { // a resource's, which clients want
		changes = slices.DeleteFunc(changes, func(c change) bool { return c.key == "name" })
		changes = append(changes, change{"name", quote(own)})
	}
	eachItem(field(def, "arguments"), func(arg []byte) {
		if text(field(arg, "name")) == "" {
			err = fmt.Errorf("%s %s: an argument has no name", kind, plain(own, 200))
		}
	})
	if len(changes) > 0 {
		def = withFields(def, changes...)
	}
	return own, def, err
}
