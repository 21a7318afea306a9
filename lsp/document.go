package lsp

import (
	"slices"
	"strings"

	"go.lsp.dev/protocol"
)

// maxDocument is the most bytes of a document that are kept. A longer one is
// known by name only: what concerns it is shown at its first line.
const maxDocument = 4 << 20

// document is an open file as the editor has it: its lines, each with its
// terminator, the last one without. An edit costs the lines that it touches.
type document struct {
	uri     string // as the editor spells it
	paths   []string
	version int32
	lines   []string // nil: the content is not known
	size    int      // bytes in lines
	held    int      // bytes that lines keep alive, at most: they are parts of longer strings

	edits     uint64 // counts changes of the content
	placed    []placement
	placedFor uint64   // generation of the snapshot; 0 when placed is stale
	published []notice // what the editor was last sent
	faults    []Fault  // of a plan; see checkPlan
	checked   uint64   // edits when faults were found
}

// setText replaces the whole content.
func (d *document) setText(text string) {
	d.placedFor = 0
	d.edits++
	if len(text) > maxDocument {
		d.lose()
		return
	}
	d.lines, d.size, d.held = splitLines(strings.Clone(text)), len(text), len(text)
}

// lose forgets the content, until the editor sends it whole again.
func (d *document) lose() {
	d.lines, d.size, d.held, d.placedFor = nil, 0, 0, 0
	d.edits++
}

// change replaces a range, given in units of enc, by text. Positions outside
// of the document mean its end. A document without content stays so.
func (d *document) change(r protocol.Range, text string, enc encoding) {
	if d.lines == nil {
		return
	}
	d.placedFor = 0
	d.edits++
	startLine, startByte := d.locate(r.Start, enc)
	endLine, endByte := d.locate(r.End, enc)
	if endLine < startLine || endLine == startLine && endByte < startByte {
		endLine, endByte = startLine, startByte
	}
	d.follow(d.rangeAt(startLine, startByte, endLine, endByte, enc), text, enc)
	// Join copies, even when two of the three are empty: text is part of a message.
	chunk := strings.Join([]string{d.lines[startLine][:startByte], text, d.lines[endLine][endByte:]}, "")
	if startLine > 0 && strings.HasPrefix(chunk, "\n") && strings.HasSuffix(d.lines[startLine-1], "\r") {
		startLine-- // a \r and a \n that meet are one terminator
		chunk = d.lines[startLine] + chunk
	}
	fresh := splitLines(chunk)
	if endLine < len(d.lines)-1 {
		fresh = fresh[:len(fresh)-1] // behind the chunk's last terminator the next line goes on
	}
	for _, l := range d.lines[startLine : endLine+1] {
		d.size -= len(l)
	}
	d.size += len(chunk)
	d.held += len(chunk)
	d.lines = slices.Replace(d.lines, startLine, endLine+1, fresh...)
	switch {
	case d.size > maxDocument:
		d.lose()
	case d.held > 2*d.size+1<<20:
		text := d.text() // let go of the strings of which little is left
		d.lines, d.held = splitLines(text), len(text)
	}
}

func (d *document) text() string { return strings.Join(d.lines, "") }

// locate finds a position: the line, and the byte in it.
func (d *document) locate(p protocol.Position, enc encoding) (line, offset int) {
	if int64(p.Line) >= int64(len(d.lines)) {
		last := len(d.lines) - 1
		return last, len(d.lines[last])
	}
	return int(p.Line), byteOffset(d.lines[p.Line], p.Character, enc)
}

// splitLines cuts text behind each \n, \r\n and \r. The last line has no
// terminator and may be empty; there is always one.
func splitLines(text string) []string {
	lines := make([]string, 0, strings.Count(text, "\n")+1)
	for {
		i := strings.IndexAny(text, "\r\n")
		if i < 0 {
			return append(lines, text)
		}
		if text[i] == '\r' && i+1 < len(text) && text[i+1] == '\n' {
			i++
		}
		lines = append(lines, text[:i+1])
		text = text[i+1:]
	}
}
