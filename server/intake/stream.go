package intake

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxElements bounds how many messages, steps or blocks one session may have:
// a million empty objects decode to far more memory than they take in a file.
const maxElements = 200_000

// maxNesting is how deep a value may nest that is passed over; the decoder has
// the same limit for values that it decodes.
const maxNesting = 10_000

// limited fails when more than left bytes are read from it; grant renews.
type limited struct {
	r    io.Reader
	left int64
	max  int64
	seen int64
}

var errDocumentTooLarge = errors.New("document too large")

func newLimited(r io.Reader, limit int64) *limited { return &limited{r: r, left: limit, max: limit} }

func (l *limited) grant() { l.left = l.max }

func (l *limited) Read(p []byte) (int, error) {
	if l.left <= 0 {
		return 0, errDocumentTooLarge
	}
	if int64(len(p)) > l.left {
		p = p[:l.left]
	}
	n, err := l.r.Read(p)
	l.left -= int64(n)
	l.seen += int64(n)
	return n, err
}

// jsonProblem says in words what is wrong with a document.
func jsonProblem(err error, limit int64) string {
	var syntax *json.SyntaxError
	var typ *json.UnmarshalTypeError
	switch {
	case errors.Is(err, errDocumentTooLarge):
		return fmt.Sprintf("one document is larger than %d MiB: split it or leave it out", limit>>20)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF),
		errors.As(err, &syntax) && err.Error() == "unexpected end of JSON input":
		return "the JSON ends early: it is cut off, fetch or record it again"
	case errors.As(err, &syntax):
		return fmt.Sprintf("not valid JSON at byte %d (%v): mend it or leave it out", syntax.Offset, err)
	case errors.As(err, &typ):
		return fmt.Sprintf("%s is a JSON %s, which does not fit: check the format", typ.Field, typ.Value)
	}
	return err.Error()
}

// members walks the members of the object that dec stands before. fn decodes
// each value that it knows and returns true; other values are skipped.
func members(dec *json.Decoder, fn func(name string) (bool, error)) error {
	if err := expect(dec, '{'); err != nil {
		return err
	}
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return err
		}
		name, _ := token.(string)
		known, err := fn(name)
		if err != nil {
			return err
		}
		if !known {
			if err := skipValue(dec); err != nil {
				return err
			}
		}
	}
	_, err := dec.Token()
	return err
}

// elements calls fn before each element of the array that dec stands before; a
// null counts as empty.
func elements(dec *json.Decoder, fn func(i int) error) error {
	token, err := dec.Token()
	if err != nil {
		return err
	}
	if token == nil {
		return nil
	}
	if token != json.Delim('[') {
		return fmt.Errorf("a list is expected where %v stands: check the format", token)
	}
	for i := 0; dec.More(); i++ {
		if i >= maxElements {
			return fmt.Errorf("a list has more than %d elements: split the session", maxElements)
		}
		if err := fn(i); err != nil {
			return err
		}
	}
	_, err = dec.Token()
	return err
}

// list decodes at most maxElements elements of raw, which is an array.
func list[T any](raw json.RawMessage, each func(T)) error {
	dec := json.NewDecoder(bytes.NewReader(raw))
	return elements(dec, func(int) error {
		var v T
		if err := dec.Decode(&v); err != nil {
			return err
		}
		each(v)
		return nil
	})
}

func expect(dec *json.Decoder, delim json.Delim) error {
	token, err := dec.Token()
	if err != nil {
		return err
	}
	if token != delim {
		return fmt.Errorf("%v is expected where %v stands: check the format", delim, cutAt(fmt.Sprint(token), 40))
	}
	return nil
}

// skipValue passes over one value token by token, so that a large one needs no
// memory.
func skipValue(dec *json.Decoder) error {
	for depth := 0; ; {
		token, err := dec.Token()
		if err != nil {
			return err
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			if depth++; depth > maxNesting {
				return fmt.Errorf("the JSON nests more than %d levels deep: leave the deep part out", maxNesting)
			}
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth <= 0 {
			return nil
		}
	}
}

// lines calls fn for each line of e that is neither blank nor a // comment. A
// line longer than the limit is skipped and named; memory stays bounded.
func lines(ctx context.Context, e *entry, out *emitter, fn func(number int, line []byte) error) error {
	r := bufio.NewReaderSize(e.r, 64<<10)
	var buf []byte
	for number := 1; ; number++ {
		line, size, err := readLine(r, buf[:0], e.limits.MaxLine)
		buf = line
		switch text := bytes.TrimSpace(line); {
		case size > e.limits.MaxLine:
			out.malformed(e.name, number, fmt.Sprintf("the line has more than %d MiB: split it or leave it out", e.limits.MaxLine>>20))
		case len(text) > 0 && !bytes.HasPrefix(text, []byte("//")):
			if err := fn(number, text); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			out.malformed(e.name, number, "the file cannot be read on: "+err.Error())
			return nil
		case number%1024 == 0 && ctx.Err() != nil:
			return ctx.Err()
		}
	}
}

// readLine appends the next line to buf, at most limit bytes of it, and says
// how long it is.
func readLine(r *bufio.Reader, buf []byte, limit int64) (line []byte, size int64, err error) {
	for {
		part, err := r.ReadSlice('\n')
		size += int64(len(part))
		if size <= limit {
			buf = append(buf, part...)
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return buf, size, err
		}
	}
}

// hasExt reports whether name ends in one of the extensions, letters of either
// case.
func hasExt(name string, exts ...string) bool {
	name = strings.ToLower(name)
	for _, ext := range exts {
		if strings.HasSuffix(name, ext) {
			return true
		}
	}
	return false
}
