package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"unicode/utf8"
)

// message is one JSON-RPC message in its parts, as they were written. The
// parts are slices of the frame that it came in and are not to be changed.
type message struct {
	id     []byte // nil of a notification
	method string // "" of an answer
	params []byte
	result []byte
	err    []byte // the error object
	size   int    // of the frame, in bytes
}

var errNoMessage = errors.New("this is not a JSON-RPC message")

// readMessage takes a frame apart without decoding what is in it. A frame that
// is no valid JSON is refused here, so that none is passed on.
func readMessage(frame []byte) (message, error) {
	frame, err := readJSON(frame)
	if err != nil {
		return message{}, err
	}
	m := message{size: len(frame)}
	if !eachField(frame, func(key, value []byte) {
		switch string(key) {
		case "id":
			m.id = notNull(value)
		case "method":
			m.method = text(value)
		case "params":
			m.params = notNull(value)
		case "result":
			m.result = value
		case "error":
			m.err = notNull(value)
		}
	}) {
		return message{}, errNoMessage
	}
	return m, nil
}

// readJSON checks that a frame is JSON, in valid UTF-8.
func readJSON(frame []byte) ([]byte, error) {
	if !json.Valid(frame) {
		return nil, errNoMessage
	}
	if !utf8.Valid(frame) { // Go takes it, strict clients end at it
		frame = bytes.ToValidUTF8(frame, []byte("\uFFFD"))
	}
	return frame, nil
}

func notNull(value []byte) []byte {
	if string(value) == "null" {
		return nil
	}
	return value
}

// text decodes a JSON string; "" when it is none.
func text(value []byte) string {
	if n := len(value); n >= 2 && value[0] == '"' && bytes.IndexByte(value, '\\') < 0 {
		return string(value[1 : n-1])
	}
	var s string
	_ = json.Unmarshal(value, &s) // "" is what is no string
	return s
}

func quote(s string) []byte {
	raw, _ := json.Marshal(s) // a string can be encoded
	return raw
}

// eachField yields the members of a valid JSON object in their order, and
// reports whether it is an object.
func eachField(object []byte, yield func(key, value []byte)) bool {
	i := space(object, 0)
	if i >= len(object) || object[i] != '{' {
		return false
	}
	for i = space(object, i+1); i < len(object) && object[i] == '"'; {
		end := skip(object, i)
		key := object[i+1 : end-1]
		if bytes.IndexByte(key, '\\') >= 0 {
			key = []byte(text(object[i:end]))
		}
		i = space(object, space(object, end)+1)
		end = skip(object, i)
		yield(key, object[i:end])
		if i = space(object, end); i < len(object) && object[i] == ',' {
			i = space(object, i+1)
		}
	}
	return true
}

// eachItem yields the items of a valid JSON array, and reports whether it is
// one.
func eachItem(array []byte, yield func(value []byte)) bool {
	i := space(array, 0)
	if i >= len(array) || array[i] != '[' {
		return false
	}
	for i = space(array, i+1); i < len(array) && array[i] != ']'; {
		end := skip(array, i)
		yield(array[i:end])
		if i = space(array, end); i < len(array) && array[i] == ',' {
			i = space(array, i+1)
		}
	}
	return true
}

// field is one member of an object; the last, when there are several, as most
// decoders have it. nil when there is none.
func field(object []byte, name string) (found []byte) {
	eachField(object, func(key, value []byte) {
		if string(key) == name {
			found = value
		}
	})
	return found
}

func space(s []byte, i int) int {
	for i < len(s) && (s[i] == ' ' || s[i] == '\n' || s[i] == '\t' || s[i] == '\r') {
		i++
	}
	return i
}

// skip returns the end of the value that begins at i.
func skip(s []byte, i int) int {
	if i >= len(s) {
		return len(s)
	}
	switch s[i] {
	case '"':
		return skipString(s, i)
	case '{', '[':
		depth := 0
		for i < len(s) {
			switch s[i] {
			case '"':
				i = skipString(s, i)
				continue
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
			i++
		}
		return len(s)
	}
	for i < len(s) && bytes.IndexByte([]byte(",]} \n\t\r"), s[i]) < 0 {
		i++
	}
	return i
}

func skipString(s []byte, i int) int {
	for i++; i < len(s); {
		n := bytes.IndexByte(s[i:], '"')
		if n < 0 {
			return len(s)
		}
		i += n
		slashes := 0
		for s[i-1-slashes] == '\\' {
			slashes++
		}
		i++
		if slashes%2 == 0 {
			return i
		}
	}
	return len(s)
}

// change is one member of an object to be set; a nil value removes it.
type change struct {
	key   string
	value []byte
}

// withFields returns the object with some members changed, the others as they
// were written. What is no object counts as an empty one.
func withFields(object []byte, changes ...change) []byte {
	out := make([]byte, 0, len(object)+128)
	out = append(out, '{')
	add := func(key, value []byte) {
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(append(out, key...), ':'), value...)
	}
	eachField(object, func(key, value []byte) {
		for _, c := range changes {
			if string(key) == c.key {
				return
			}
		}
		add(quoteKey(key), value)
	})
	for _, c := range changes {
		if c.value != nil {
			add(quoteKey([]byte(c.key)), c.value)
		}
	}
	return append(out, '}')
}

func quoteKey(key []byte) []byte {
	for _, b := range key {
		if b < ' ' || b == '"' || b == '\\' || b >= utf8.RuneSelf {
			return quote(string(key))
		}
	}
	return append(append([]byte{'"'}, key...), '"')
}

// requestFrame makes a request, or a notification when id is nil. params may
// be nil.
func requestFrame(id []byte, method string, params []byte) []byte {
	out := make([]byte, 0, len(id)+len(method)+len(params)+64)
	out = append(out, `{"jsonrpc":"2.0"`...)
	if id != nil {
		out = append(append(out, `,"id":`...), id...)
	}
	out = append(append(out, `,"method":`...), quoteKey([]byte(method))...)
	if params != nil {
		out = append(append(out, `,"params":`...), params...)
	}
	return append(out, '}', '\n')
}

// answerFrame makes an answer; kind is "result" or "error".
func answerFrame(id []byte, kind string, body []byte) []byte {
	if id == nil {
		id = []byte("null")
	}
	out := make([]byte, 0, len(id)+len(body)+48)
	out = append(append(out, `{"jsonrpc":"2.0","id":`...), id...)
	out = append(append(append(append(out, `,"`...), kind...), `":`...), body...)
	return append(out, '}', '\n')
}

// errorBody makes a JSON-RPC error object.
func errorBody(code int, message string) []byte {
	out := append([]byte(`{"code":`), strconv.Itoa(code)...)
	return append(append(append(out, `,"message":`...), quote(message)...), '}')
}

// compact makes a valid JSON text one line; stdio's messages are.
func compact(raw []byte) []byte {
	if bytes.IndexByte(raw, '\n') < 0 && bytes.IndexByte(raw, '\r') < 0 {
		return raw
	}
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return raw
	}
	return b.Bytes()
}

// encode marshals what can be encoded: the gateway's own values.
func encode(v any) []byte {
	raw, err := json.Marshal(v)
	if err != nil {
		return []byte("null")
	}
	return raw
}
