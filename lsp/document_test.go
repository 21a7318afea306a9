package lsp

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"

	"go.lsp.dev/protocol"
	"pgregory.net/rapid"
)

var terminator = regexp.MustCompile(`\r\n|\r|\n`)

// modelOffset is the meaning of a position by the protocol's words, on the
// whole text.
func modelOffset(text string, p protocol.Position, enc encoding) int {
	start, ends := 0, terminator.FindAllStringIndex(text, -1)
	end := len(text)
	switch line := int(p.Line); {
	case line > len(ends):
		return len(text)
	case line < len(ends):
		end = ends[line][0]
		fallthrough
	default:
		if line > 0 {
			start = ends[line-1][1]
		}
	}
	var u uint32
	for i, r := range text[start:end] {
		w := uint32(1)
		switch enc {
		case utf8Units:
			w = uint32(utf8.RuneLen(r))
		case utf16Units:
			w = uint32(utf16.RuneLen(r))
		}
		if u += w; u > p.Character {
			return start + i
		}
	}
	return end
}

// TestDocumentEdits: whatever edits arrive, the lines are those of the text
// that the edits make.
func TestDocumentEdits(t *testing.T) {
	pieces := rapid.SampledFrom([]string{"a", "bc", "\n", "\r", "\r\n", "é", "😀", "", "\n\n", "x\ny"})
	text := rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(pieces, 0, 12).Draw(t, "pieces"), "")
	})
	position := rapid.Custom(func(t *rapid.T) protocol.Position {
		return protocol.Position{Line: rapid.Uint32Range(0, 14).Draw(t, "line"), Character: rapid.Uint32Range(0, 9).Draw(t, "character")}
	})
	rapid.Check(t, func(t *rapid.T) {
		enc := rapid.SampledFrom([]encoding{utf8Units, utf16Units, utf32Units}).Draw(t, "encoding")
		want := text.Draw(t, "text")
		var d document
		d.setText(want)
		for range rapid.IntRange(1, 12).Draw(t, "edits") {
			r := protocol.Range{Start: position.Draw(t, "start"), End: position.Draw(t, "end")}
			insert := text.Draw(t, "insert")
			from, to := modelOffset(want, r.Start, enc), modelOffset(want, r.End, enc)
			want = want[:from] + insert + want[max(from, to):]
			d.change(r, insert, enc)
			if got := d.text(); got != want {
				t.Fatalf("text %q, want %q", got, want)
			}
			if fresh := splitLines(want); strings.Join(fresh, "|") != strings.Join(d.lines, "|") || d.size != len(want) {
				t.Fatalf("lines %q (%d bytes), want %q", d.lines, d.size, fresh)
			}
		}
	})
}

// TestDocumentMemory: many large edits of which little stays do not keep the
// large strings alive.
func TestDocumentMemory(t *testing.T) {
	var d document
	d.setText("first\n")
	big := strings.Repeat("x\n", 1<<19)
	for range 50 {
		d.change(protocol.Range{Start: protocol.Position{Line: 1}, End: protocol.Position{Line: 1}}, big, utf16Units)
		d.change(protocol.Range{Start: protocol.Position{Line: 2}, End: protocol.Position{Line: 1 << 30}}, "", utf16Units)
	}
	if d.held > 4<<20 {
		t.Errorf("a document of %d bytes keeps %d alive", d.size, d.held)
	}
}

func TestDocumentBounds(t *testing.T) {
	docs := documents{byPath: map[string]*document{}}
	d, err := docs.open("file:///a", strings.Repeat("x", maxDocument+1), 1)
	if err != nil || d.lines != nil || docs.total != 0 {
		t.Fatalf("a document over the limit: %v, %d lines, %d bytes", err, len(d.lines), docs.total)
	}
	docs.edit(d, func() { d.change(protocol.Range{}, "y", utf16Units) })
	if d.lines != nil {
		t.Error("an edit of unknown content made content")
	}
	docs.edit(d, func() { d.setText("small") })
	if d.text() != "small" || docs.total != 5 {
		t.Errorf("sent whole again: %q, %d bytes", d.text(), docs.total)
	}
	text := strings.Repeat("x", maxDocument)
	for i := range maxDocumentBytes/maxDocument + 3 {
		if _, err := docs.open("file:///b"+strings.Repeat("b", i), text, 1); err != nil {
			t.Fatal(err)
		}
	}
	if docs.total > maxDocumentBytes {
		t.Errorf("%d bytes are kept, the limit is %d", docs.total, maxDocumentBytes)
	}
	for i := range maxDocuments + 5 {
		_, err = docs.open("file:///c"+strings.Repeat("c", i), "", 1)
	}
	if err == nil || len(docs.byPath) != maxDocuments {
		t.Errorf("%d documents open, the limit is %d: %v", len(docs.byPath), maxDocuments, err)
	}
	for _, d := range docs.byPath {
		docs.close(d.uri)
	}
	if docs.total != 0 || len(docs.byPath) != 0 {
		t.Errorf("all closed, but %d documents with %d bytes are kept", len(docs.byPath), docs.total)
	}
}

func TestPathOf(t *testing.T) {
	for _, c := range []struct{ uri, want string }{
		{"file:///w/a.json", "/w/a.json"},
		{"file:///w/a%20b%2Fc.json", "/w/a b/c.json"},
		{"file://%2Fw%2f.ocode%2fplans%2Fbuild.json", "/w/.ocode/plans/build.json"},
		{"FILE:///w/a", "/w/a"},
		{"file:/w/a", "/w/a"},
		{"file://localhost/w/a", "/w/a"},
		{"file:///w/%E2%82%AC%F0%9F%98%80", "/w/€😀"},
		{"file:///w/./x/../a?q#f", "/w/a"},
		{"file:///w/100%25", "/w/100%"},
		{"file://host/share/a", ""},
		{"untitled:Untitled-1", ""},
		{"file:///w/%zz", ""},
		{"file:///w/%00", ""},
		{"file:relative", ""},
		{"", ""},
		{"file:///" + strings.Repeat("a", 20<<10), ""},
	} {
		got, err := pathOf(c.uri)
		if got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("pathOf(%.60q) = %q, %v; want %q", c.uri, got, err, c.want)
		}
	}
}

func FuzzPathOf(f *testing.F) {
	f.Add("file://%2Fw%2f.ocode")
	f.Add("file:///a%2")
	f.Fuzz(func(t *testing.T, uri string) {
		if p, err := pathOf(uri); err == nil && (!strings.HasPrefix(p, "/") || strings.Contains(p, "\x00") || strings.Contains(p+"/", "/../")) {
			t.Errorf("pathOf(%q) = %q", uri, p)
		}
	})
}

func TestSteps(t *testing.T) {
	for _, c := range []struct {
		name, text, step string
		want             mark
		missing          bool
	}{
		{name: "plain", text: `{"id": "a"}`, step: "a", want: mark{0, 7, 10}},
		{name: "value on the next line", text: "{\"id\":\n  \"a\"}", step: "a", want: mark{1, 2, 5}},
		{name: "escaped", text: `{"id" : "\u0061\"b"}`, step: `a"b`, want: mark{0, 8, 19}},
		{name: "the first counts", text: "{\"id\":\"a\"}\n{\"id\":\"a\"}", step: "a", want: mark{0, 6, 9}},
		{name: "a value named id", text: `{"x": "id", "a": "b"}`, step: "a", missing: true},
		{name: "another key", text: `{"uid": "a"}`, step: "a", missing: true},
		{name: "not closed", text: `{"id": "a`, step: "a", missing: true},
		{name: "broken JSON before", text: "{\"tasks\": [ oops, \"x\n{\"id\": \"a\"", step: "a", want: mark{1, 7, 10}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, ok := steps(splitLines(c.text))[c.step]
			if ok == c.missing || got != c.want {
				t.Errorf("%+v, %v; want %+v", got, ok, c.want)
			}
		})
	}
}

func TestPlace(t *testing.T) {
	var d document
	d.setText("{\n  \"id\": \"😀\", \"x\": \"go test ./...\"\n}\n")
	for _, c := range []struct {
		name string
		p    Proposal
		want [4]uint32 // start line, character, end line, character in UTF-16
	}{
		{"step", Proposal{Step: "😀"}, [4]uint32{1, 8, 1, 12}},
		{"match behind a surrogate pair", Proposal{Match: "go test"}, [4]uint32{1, 20, 1, 27}},
		{"match of two lines: the first", Proposal{Match: "\n\"x\": \"go\n}"}, [4]uint32{1, 14, 1, 22}},
		{"line", Proposal{Line: 3}, [4]uint32{2, 0, 2, 1}},
		{"line too far", Proposal{Line: 30}, [4]uint32{0, 0, 0, 1}},
		{"step is gone, match is there", Proposal{Step: "gone", Match: "./..."}, [4]uint32{1, 28, 1, 33}},
		{"nothing", Proposal{}, [4]uint32{0, 0, 0, 1}},
		{"empty last line", Proposal{Line: 4}, [4]uint32{3, 0, 3, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := d.place([]*Proposal{&c.p}, nil, utf16Units)[0].place
			if got := [4]uint32{r.Start.Line, r.Start.Character, r.End.Line, r.End.Character}; got != c.want {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
	d.lose()
	if r := d.place([]*Proposal{{Step: "😀"}}, nil, utf16Units)[0].place; r != (protocol.Range{}) {
		t.Errorf("without content: %v", r)
	}
}

// FuzzPlace: any text, any anchor: the place is in the document.
func FuzzPlace(f *testing.F) {
	f.Add("{\"id\": \"a\\", "a", "b", 3)
	f.Add("\"id\":\"", "", "\"", -1)
	f.Fuzz(func(t *testing.T, text, step, match string, line int) {
		var d document
		d.setText(text)
		r := d.place([]*Proposal{{Step: step, Match: match, Line: line}}, nil, utf16Units)[0].place
		if int(r.Start.Line) >= len(d.lines) || r.Start.Line != r.End.Line || r.Start.Character > r.End.Character ||
			r.End.Character > units(content(d.lines[r.End.Line]), utf16Units) {
			t.Fatalf("%v is not in %q", r, d.lines)
		}
	})
}

// TestDocumentOwnsItsText: what is kept of a message is a copy, since the
// message may be much larger.
func TestDocumentOwnsItsText(t *testing.T) {
	text := strings.Repeat("x", 100)
	uri := "file:///" + text
	docs := documents{byPath: map[string]*document{}}
	d, err := docs.open(uri, text, 1)
	if err != nil {
		t.Fatal(err)
	}
	inside := func(kept, message string) bool {
		at, from := uintptr(unsafe.Pointer(unsafe.StringData(kept))), uintptr(unsafe.Pointer(unsafe.StringData(message)))
		return at >= from && at < from+uintptr(len(message))
	}
	if inside(d.lines[0], text) || inside(d.uri, uri) || inside(d.paths[0], uri) {
		t.Error("an opened document keeps parts of the message")
	}
	for path := range docs.byPath {
		if inside(path, uri) {
			t.Error("the document's name is a part of the message")
		}
	}
	d.setText("")
	d.change(protocol.Range{}, text, utf16Units)
	if inside(d.lines[0], text) {
		t.Error("an edited document keeps a part of the message")
	}
	offered := strings.Clone("utf-8")
	if inside(string(negotiate([]encoding{encoding(offered)})), offered) {
		t.Error("the position encoding is a part of the message")
	}
}
