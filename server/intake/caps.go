package intake

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"lathe/learn"
)

// cap cuts the texts of rec to the limits times slack.
func (d *Door) cap(rec *learn.Record, slack int) {
	text, item := d.limits.MaxText*slack, d.limits.MaxListItem*slack
	if t := rec.Task; t != nil {
		for _, s := range []*string{&t.Prompt, &t.Feedback} {
			*s = Cut(*s, text)
		}
		t.ProblemType = Cut(t.ProblemType, item)
		return
	}
	a := rec.Action
	o, c := &a.ToolOutput, &a.ContextSnapshot
	for _, s := range []*string{&o.Stdout, &o.Stderr, &o.Content} {
		*s = Cut(*s, text)
	}
	if e := a.ErrorDetails; e != nil {
		e.Message, e.StackTrace, e.Code = Cut(e.Message, text), Cut(e.StackTrace, text), Cut(e.Code, item)
	}
	a.ToolName = Cut(a.ToolName, d.limits.MaxName*slack+markRoom)
	a.ToolParameters = CutJSON(a.ToolParameters, d.limits.MaxParameters*slack)
	c.CWD = Cut(c.CWD, item)
	c.ActiveFiles = cutList(c.ActiveFiles, d.limits.MaxList, item)
	c.CodeEntities = cutList(c.CodeEntities, d.limits.MaxList, item)
	c.Environment = cutMap(c.Environment, d.limits.MaxList, item)
}

func cutList(list []string, n, item int) []string {
	list = list[:min(len(list), n)]
	for i := range list {
		list[i] = Cut(list[i], item)
	}
	return list
}

// cutMap keeps the first n names in alphabetical order.
func cutMap(m map[string]string, n, item int) map[string]string {
	for i, name := range slices.Sorted(maps.Keys(m)) {
		value := m[name]
		if i >= n || len(name) > item || repair(name) != name {
			delete(m, name)
			continue
		}
		m[name] = Cut(value, item)
	}
	return m
}

// markRoom is what a mark takes at most, in bytes.
const markRoom = 64

// Cut returns s as valid UTF-8 of at most n bytes. What is too long loses its
// middle: the head says what ran, the tail how it ended. A mark in the text
// says how many bytes are gone.
func Cut(s string, n int) string {
	s = repair(s)
	if len(s) <= n {
		return s
	}
	keep := max(0, n-markRoom)
	head := keep * 3 / 5
	for head > 0 && !utf8.RuneStart(s[head]) {
		head--
	}
	tail := len(s) - (keep - keep*3/5)
	for tail < len(s) && !utf8.RuneStart(s[tail]) {
		tail++
	}
	return s[:head] + fmt.Sprintf("\n[lathe: cut %d bytes here]\n", tail-head) + s[tail:]
}

// repair replaces bytes that are not UTF-8 by U+FFFD.
func repair(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// cutAt is the start of s, at most n bytes of it, for a message.
func cutAt(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// CutJSON returns doc in at most n bytes: its long strings are cut, ever
// shorter until it fits. A document that is long for another reason is
// replaced by an object that says so.
func CutJSON(doc json.RawMessage, n int) json.RawMessage {
	if len(doc) <= n {
		if utf8.Valid(doc) {
			return doc
		}
		return json.RawMessage(repair(string(doc)))
	}
	for longest := n / 2; longest >= 2*markRoom; longest /= 4 {
		if short := cutStrings(doc, longest); len(short) <= n {
			return short
		}
	}
	return json.RawMessage(fmt.Sprintf(`{"lathe_cut":"%d bytes of parameters that do not shorten"}`, len(doc)))
}

// cutStrings cuts the string literals of a valid document to n bytes each.
func cutStrings(doc []byte, n int) []byte {
	var out []byte
	for i := 0; i < len(doc); {
		if doc[i] != '"' {
			out = append(out, doc[i])
			i++
			continue
		}
		end := i + 1
		for end < len(doc) && doc[end] != '"' {
			if doc[end] == '\\' {
				end++
			}
			end++
		}
		end = min(len(doc), end+1)
		out = append(out, cutLiteral(doc[i:end], n)...)
		i = end
	}
	return out
}

func cutLiteral(literal []byte, n int) []byte {
	var s string
	if len(literal) <= n || json.Unmarshal(literal, &s) != nil {
		return literal
	}
	return quote(Cut(s, n))
}

// quote is s as a JSON string, with <, > and & as they are.
func quote(s string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(s) != nil {
		return []byte(`""`) // not reached: a string always encodes
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// jsonDepth is how deep objects and arrays nest in doc, valid or not.
func jsonDepth(doc []byte) int {
	depth, deepest := 0, 0
	for i := 0; i < len(doc); i++ {
		switch doc[i] {
		case '{', '[':
			depth++
			deepest = max(deepest, depth)
		case '}', ']':
			depth--
		case '"':
			for i++; i < len(doc) && doc[i] != '"'; i++ {
				if doc[i] == '\\' {
					i++
				}
			}
		}
	}
	return deepest
}
