package connect

import (
	"encoding/json"
	"path"
	"strings"
)

// isOurs reports whether a hook's command line runs Lathe: lathe-hook, or lathe
// with the word hook, whichever folder it lies in.
func isOurs(command string) bool {
	words := strings.Fields(strings.NewReplacer("'", "", `"`, "").Replace(command))
	for i, w := range words {
		switch path.Base(w) {
		case "lathe-hook":
			return true
		case "lathe":
			return i+1 < len(words) && words[i+1] == "hook"
		}
	}
	return false
}

// hookEntry is an entry of an event's list: a hook (with a command), or a group
// with a matcher and hooks.
type hookEntry struct {
	Command string      `json:"command"`
	Hooks   []hookEntry `json:"hooks"`
}

// ours reports whether everything that an entry runs is Lathe's; mixed whether
// only a part is.
func (e hookEntry) ours() (all, some bool) {
	if len(e.Hooks) == 0 {
		o := isOurs(e.Command)
		return o, o
	}
	all = true
	for _, h := range e.Hooks {
		a, s := h.ours()
		all, some = all && a, some || s
	}
	return all && some, some
}

func entryOf(text string, n *node) hookEntry {
	var e hookEntry
	_ = json.Unmarshal(plainJSON(text, n), &e) // what is no entry is not ours
	return e
}

// setHook makes Lathe's entry stand in the list at a path, once.
func setHook(text string, where []string, entry json.RawMessage) (string, error) {
	return editJSON(text, func(text string, root *node) (string, error) {
		n, found, err := root.at(where)
		if err != nil {
			return "", err
		}
		if found < len(where) || n.kind != '[' {
			return setMember(text, where, json.RawMessage("["+string(entry)+"]"))
		}
		for i := range n.members {
			e := &n.members[i].value
			all, some := entryOf(text, e).ours()
			switch {
			case sameJSON(plainJSON(text, e), entry):
				return text, nil
			case all:
				return text[:e.start] + layoutOf(text).indented(entry, lineIndent(text, e.start)) + text[e.end:], nil
			case some: // a person put it among others: it does run
				return text, nil
			}
		}
		return layoutOf(text).insert(text, n, "", entry), nil
	})
}

// dropHook takes Lathe's entries out of the list at a path; a list, or an
// object around it, that is empty then goes too, unless keep says that it was
// there before.
func dropHook(text string, where []string, keep func([]string) bool) (string, error) {
	for {
		again, empty := false, false
		out, err := editJSON(text, func(text string, root *node) (string, error) {
			n, found, err := root.at(where)
			if err != nil || found < len(where) || n.kind != '[' {
				return text, nil
			}
			out, did := dropOurs(text, n)
			again, empty = did, !did && len(n.members) == 0
			return out, nil
		})
		if err != nil {
			return "", err
		}
		if text = out; again {
			continue
		}
		if empty && !keep(where) {
			return dropMember(text, where, keep)
		}
		return text, nil
	}
}

// dropOurs takes the first entry of Lathe's out of a list, or out of a group
// that others share.
func dropOurs(text string, n *node) (string, bool) {
	for i := range n.members {
		v := &n.members[i].value
		all, some := entryOf(text, v).ours()
		if all {
			return drop(text, n, i), true
		}
		if hooks := v.child("hooks"); some && hooks != nil && hooks.value.kind == '[' {
			return dropOurs(text, &hooks.value)
		}
	}
	return text, false
}
