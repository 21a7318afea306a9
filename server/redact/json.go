package redact

import (
	"bytes"
	"encoding/json"
	"strings"
)

// JSON redacts the strings of a JSON document and leaves all else, order and
// white space too, as it is. The value of a member with a telling name, and
// the word after a telling flag, are secrets whatever they look like. A text
// that is not JSON becomes a JSON string.
func (r *Redactor) JSON(doc json.RawMessage) (clean json.RawMessage, found int) {
	if len(doc) == 0 {
		return doc, 0
	}
	if !json.Valid(doc) {
		text, n := r.String(strings.ToValidUTF8(string(doc), "\uFFFD"))
		return quote(text), n
	}
	w := jsonWalk{r: r, doc: doc}
	for i := 0; i < len(doc); i++ {
		switch doc[i] {
		case '{', '}':
			w.name = ""
		case '"':
			end := stringEnd(doc, i)
			w.literal(i, end)
			i = end - 1
		}
	}
	if w.found == 0 {
		return doc, 0
	}
	return append(w.out, doc[w.copied:]...), w.found
}

// jsonWalk is the state of a walk over the string literals of a document.
type jsonWalk struct {
	r      *Redactor
	doc    []byte
	out    []byte // doc[:copied], redacted
	copied int
	found  int
	// name is the member name or flag that the next string is the value of.
	name string
}

// literal redacts the string literal doc[start:end].
func (w *jsonWalk) literal(start, end int) {
	var text string
	if json.Unmarshal(w.doc[start:end], &text) != nil {
		return // not reached: the document is valid
	}
	if nextIsColon(w.doc, end) {
		clean, n := w.r.String(text)
		w.put(clean, n, start, end)
		w.name = text
		return
	}
	clean, n := w.r.named(w.name, text)
	w.put(clean, n, start, end)
	switch {
	case strings.HasPrefix(text, "--"):
		w.name = text
	case strings.HasPrefix(w.name, "--"):
		w.name = "" // a flag has one value
	}
}

func (w *jsonWalk) put(clean string, n, start, end int) {
	if n == 0 {
		return
	}
	w.out = append(append(w.out, w.doc[w.copied:start]...), quote(clean)...)
	w.copied = end
	w.found += n
}

// stringEnd is the position after the literal that starts at i.
func stringEnd(doc []byte, i int) int {
	for i++; i < len(doc); i++ {
		switch doc[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(doc)
}

func nextIsColon(doc []byte, i int) bool {
	for ; i < len(doc); i++ {
		switch doc[i] {
		case ' ', '\t', '\n', '\r':
		default:
			return doc[i] == ':'
		}
	}
	return false
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
