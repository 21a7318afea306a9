package intake

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
)

// maxValueDepth is how deep lists and maps in attributes may nest.
const maxValueDepth = 32

// attributes are those of a resource, span, event or log record. Values are
// string, bool, int64, float64, []any, map[string]any or nil.
type attributes map[string]any

func (a *attributes) set(key string, value any) {
	if *a == nil {
		*a = attributes{}
	}
	(*a)[key] = value
}

// fillFrom adds what is in b only.
func (a *attributes) fillFrom(b attributes) {
	for k, v := range b {
		if _, ok := (*a)[k]; !ok {
			a.set(k, v)
		}
	}
}

// bytesMark stands for a value of n bytes that are no text.
func bytesMark(n int) string { return "[lathe: " + strconv.Itoa(n) + " bytes dropped]" }

// text is the first of the attributes that says something, as text.
func (a attributes) text(keys ...string) string {
	for _, k := range keys {
		var s string
		switch v := a[k].(type) {
		case string:
			s = v
		case int64:
			s = strconv.FormatInt(v, 10)
		case bool:
			s = strconv.FormatBool(v)
		case float64:
			s = strconv.FormatFloat(v, 'g', -1, 64)
		}
		if s != "" {
			return s
		}
	}
	return ""
}

// number is the first of the attributes that is a number, or text that holds
// one; 0 when none is.
func (a attributes) number(keys ...string) float64 {
	for _, k := range keys {
		switch v := a[k].(type) {
		case int64:
			return float64(v)
		case float64:
			if !math.IsNaN(v) && !math.IsInf(v, 0) {
				return v
			}
		case string:
			if f, err := strconv.ParseFloat(v, 64); err == nil && !math.IsNaN(f) && !math.IsInf(f, 0) {
				return f
			}
		}
	}
	return 0
}

// count is a number that counts something.
func (a attributes) count(keys ...string) int64 {
	return int64(min(max(a.number(keys...), 0), 1<<53))
}

// has reports whether one of the attributes is there.
func (a attributes) has(keys ...string) bool {
	for _, k := range keys {
		if v, ok := a[k]; ok && v != nil && v != "" {
			return true
		}
	}
	return false
}

// first is the first of the attributes that is there; nil when none is.
func (a attributes) first(keys ...string) any {
	for _, k := range keys {
		if a.has(k) {
			return a[k]
		}
	}
	return nil
}

// json is the first of the attributes that is there; nil when none is.
func (a attributes) json(keys ...string) json.RawMessage {
	if v := a.first(keys...); v != nil {
		return valueJSON(v)
	}
	return nil
}

// conversation is the session that an item says it belongs to.
func (a attributes) conversation() string {
	return a.text("gen_ai.conversation.id", "session.id", "conversation.id")
}

// valueJSON is a value as JSON; what JSON has no form for is its text.
func valueJSON(v any) json.RawMessage {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(finite(v)) != nil {
		return nil // not reached: finite leaves only what encodes
	}
	return bytes.TrimSpace(b.Bytes())
}

// finite replaces the numbers that JSON has none of, in place where it can.
func finite(v any) any {
	switch v := v.(type) {
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return strconv.FormatFloat(v, 'g', -1, 64)
		}
	case []any:
		for i := range v {
			v[i] = finite(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = finite(v[k])
		}
	}
	return v
}

// lastMessage is the text of the last message of gen_ai.input.messages or
// gen_ai.output.messages, with its role: a model's whole history comes with
// each of its calls. Content of tool calls is left to the calls themselves.
func lastMessage(raw json.RawMessage) (role, text string) {
	var inner string
	if json.Unmarshal(raw, &inner) == nil {
		raw = json.RawMessage(inner) // a string that holds the JSON
	}
	type message struct {
		Role    string          `json:"role"`
		Content json.RawMessage `json:"content"`
		Parts   json.RawMessage `json:"parts"`
	}
	var last message
	if list(raw, func(m message) { last = m }) != nil {
		return "", ""
	}
	if text := messageText(last.Content); text != "" {
		return last.Role, text
	}
	var parts []string
	_ = list(last.Parts, func(p struct {
		Type    string `json:"type"`
		Content string `json:"content"`
		Name    string `json:"name"`
	}) {
		switch p.Type {
		case "text":
			parts = append(parts, p.Content)
		case "tool_call":
			parts = append(parts, "[calls "+p.Name+"]")
		}
	})
	return last.Role, strings.Join(parts, "\n")
}
