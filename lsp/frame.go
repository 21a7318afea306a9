package lsp

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"

	"go.lsp.dev/jsonrpc2"
)

const (
	maxMessage  = 16 << 20 // bytes of a message's body; a longer one is skipped
	maxHeader   = 8 << 10  // bytes of a header line that are looked at
	maxJunk     = 1 << 20  // bytes without a header after which the peer is no editor
	maxDepth    = 200      // nesting of a message; decoders recurse
	keptBuffer  = 256 << 10
	maxSkipped  = 1 << 30 // a message that claims more ends the connection
	headerName  = "content-length"
	parseFailed = "lathe: this message is not readable JSON-RPC 2.0 (%v); it was ignored"
)

var (
	errJunk    = errors.New("what arrives is not the language server protocol: no Content-Length header in 1 MiB")
	errTooDeep = fmt.Errorf("nested more than %d levels deep", maxDepth)
)

// lostError says that a message could not be used. The connection goes on.
type lostError struct{ why error }

func (e *lostError) Error() string { return e.why.Error() }
func (e *lostError) Unwrap() error { return e.why }

// frames reads messages framed with Content-Length headers. It finds its way
// back after junk, and takes no more memory than what really arrives.
type frames struct {
	in   *bufio.Reader
	body bytes.Buffer
}

func newFrames(r io.Reader) *frames { return &frames{in: bufio.NewReaderSize(r, maxHeader)} }

// next reads a message. A *lostError means that this message is lost and that
// the next may be read. The message's parts are valid until the next call.
func (f *frames) next() (jsonrpc2.Message, error) {
	length, err := f.header()
	if err != nil {
		return nil, err
	}
	if length > maxMessage {
		if length > maxSkipped {
			return nil, fmt.Errorf("a message of %d bytes was announced: not an editor", length)
		}
		if _, err := io.CopyN(io.Discard, f.in, length); err != nil {
			return nil, unexpected(err)
		}
		return nil, &lostError{fmt.Errorf("a message of %d bytes is over the limit of %d", length, maxMessage)}
	}
	if f.body.Cap() > keptBuffer {
		f.body = bytes.Buffer{}
	}
	f.body.Reset()
	if _, err := io.CopyN(&f.body, f.in, length); err != nil {
		return nil, unexpected(err)
	}
	return decodeMessage(f.body.Bytes())
}

// decodeMessage reads one message; every error is a *lostError.
func decodeMessage(body []byte) (jsonrpc2.Message, error) {
	if tooDeep(body) {
		return nil, &lostError{errTooDeep}
	}
	msg, err := jsonrpc2.DecodeMessage(body)
	if err != nil {
		return nil, &lostError{err}
	}
	return msg, nil
}

// unexpected makes the end of input inside a message an error.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// header reads header lines up to the empty one and returns the body's length.
// Lines that are no headers, and headers without a usable length, are passed
// over.
func (f *frames) header() (int64, error) {
	length, junk := int64(-1), 0
	for {
		line, err := f.in.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			err = nil
			length = -1
		}
		if err != nil {
			if errors.Is(err, io.EOF) && (length >= 0 || len(line) > 0) {
				err = io.ErrUnexpectedEOF
			}
			return 0, err
		}
		if junk += len(line); junk > maxJunk {
			return 0, errJunk
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			if length > 0 {
				return length, nil
			}
			length = -1
			continue
		}
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok || !bytes.EqualFold(bytes.TrimSpace(name), []byte(headerName)) {
			continue
		}
		n, err := strconv.ParseUint(string(bytes.TrimSpace(value)), 10, 62)
		if err != nil {
			length = -1
			continue
		}
		length = int64(n)
	}
}

// tooDeep reports whether arrays and objects nest deeper than maxDepth.
func tooDeep(body []byte) bool {
	depth, inString := 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			if depth++; depth > maxDepth {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}
