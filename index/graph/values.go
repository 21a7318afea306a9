package graph

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// Property is something said of a node.
type Property struct{ Key, Value string }

// Properties are ordered by key; as JSON an object. A list and no map: an
// answer has a thousand of them.
type Properties []Property

func byKey(p Property, key string) int { return cmp.Compare(p.Key, key) }

// Get returns the value of a property, "" when there is none.
func (p Properties) Get(key string) string {
	if i, ok := slices.BinarySearchFunc(p, key, byKey); ok {
		return p[i].Value
	}
	return ""
}

// PropertiesOf makes Properties of a map.
func PropertiesOf(m map[string]string) Properties {
	var p Properties
	for _, key := range slices.Sorted(maps.Keys(m)) {
		p = append(p, Property{key, m[key]})
	}
	return p
}

// Map returns the properties as a map.
func (p Properties) Map() map[string]string {
	m := make(map[string]string, len(p))
	for _, x := range p {
		m[x.Key] = x.Value
	}
	return m
}

// MarshalJSON writes an object.
func (p Properties) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	sep := byte('{')
	for _, x := range p {
		key, err := json.Marshal(x.Key)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(x.Value)
		if err != nil {
			return nil, err
		}
		b.WriteByte(sep)
		b.Write(key)
		b.WriteByte(':')
		b.Write(value)
		sep = ','
	}
	if len(p) == 0 {
		b.WriteByte('{')
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// UnmarshalJSON reads an object.
func (p *Properties) UnmarshalJSON(raw []byte) error {
	var m map[string]string
	if err := json.Unmarshal(raw, &m); err != nil {
		return err
	}
	*p = PropertiesOf(m)
	return nil
}

// EventID is the id of an event, as text a UUID.
type EventID [16]byte

// String is the id as text: 36 characters.
func (id EventID) String() string {
	text, _ := id.MarshalText()
	return string(text)
}

// MarshalText writes the id as text; it never fails.
func (id EventID) MarshalText() ([]byte, error) {
	const digits = "0123456789abcdef"
	text := make([]byte, 0, idLength)
	for i, b := range id {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			text = append(text, '-')
		}
		text = append(text, digits[b>>4], digits[b&15])
	}
	return text, nil
}

// UnmarshalText reads an id.
func (id *EventID) UnmarshalText(text []byte) error {
	got, ok := eventID(string(text))
	if !ok {
		return fmt.Errorf("%.80q is no event id", text)
	}
	*id = got
	return nil
}

// spaced are ids with spaces between.
func spaced(ids []EventID) string {
	var b []byte
	for i, id := range ids {
		if i > 0 {
			b = append(b, ' ')
		}
		text, _ := id.MarshalText()
		b = append(b, text...)
	}
	return string(b)
}
