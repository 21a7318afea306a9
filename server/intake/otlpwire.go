package intake

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math"
)

var errWire = errors.New("it is not the protobuf message that it should be: check the exporter's protocol and Content-Type")

// eachField walks the fields of a protobuf message (the wire format of
// protobuf.dev/programming-guides/encoding). num is the value of a varint or a
// fixed-width field, data that of a length-delimited one; groups, which OTLP
// has none of, are refused.
func eachField(msg []byte, fn func(field int, num uint64, data []byte) error) error {
	for len(msg) > 0 {
		tag, n := binary.Uvarint(msg)
		if n <= 0 || tag>>3 == 0 || tag>>3 > math.MaxInt32 {
			return errWire
		}
		msg = msg[n:]
		var num uint64
		var data []byte
		switch tag & 7 {
		case 0:
			if num, n = binary.Uvarint(msg); n <= 0 {
				return errWire
			}
		case 1:
			if n = 8; len(msg) < n {
				return errWire
			}
			num = binary.LittleEndian.Uint64(msg)
		case 2:
			size, m := binary.Uvarint(msg)
			if m <= 0 || size > uint64(len(msg)-m) {
				return errWire
			}
			n = m + int(size)
			data = msg[m:n]
		case 5:
			if n = 4; len(msg) < n {
				return errWire
			}
			num = uint64(binary.LittleEndian.Uint32(msg))
		default:
			return errWire
		}
		if err := fn(int(tag>>3), num, data); err != nil {
			return err
		}
		msg = msg[n:]
	}
	return nil
}

// readProto reads a request: resources, in them scopes, in those the items.
// The field numbers are those of opentelemetry-proto 1.x.
func (t *telemetry) readProto(body []byte) error {
	return eachField(body, func(field int, _ uint64, data []byte) error {
		if field != 1 {
			return nil
		}
		resource := &attributes{}
		return eachField(data, func(field int, _ uint64, data []byte) error {
			switch field {
			case 1:
				return eachField(data, func(field int, _ uint64, data []byte) error {
					if field != 1 {
						return nil
					}
					return t.protoAttribute(resource, data)
				})
			case 2:
				return t.protoScope(data, resource)
			}
			return nil
		})
	})
}

func (t *telemetry) protoScope(msg []byte, resource *attributes) error {
	return eachField(msg, func(field int, _ uint64, data []byte) error {
		if field != 2 {
			return nil
		}
		if err := t.take(1); err != nil {
			return err
		}
		s := &signal{resource: resource}
		read := t.protoSpan
		if t.req.Signal == Logs {
			read = t.protoLog
		}
		if err := read(s, data); err != nil {
			return err
		}
		t.add(s)
		return nil
	})
}

func (t *telemetry) protoSpan(s *signal, msg []byte) error {
	return eachField(msg, func(field int, num uint64, data []byte) error {
		switch field {
		case 1:
			s.trace = hexID(data, 16)
		case 2:
			s.span = hexID(data, 8)
		case 4:
			s.parent = hexID(data, 8)
		case 5:
			s.name = string(data)
		case 6:
			s.kind = int(int32(num))
		case 7:
			s.start = num
		case 8:
			s.end = num
		case 9:
			return t.protoAttribute(&s.attrs, data)
		case 11:
			return t.protoEvent(s, data)
		case 15:
			return eachField(data, func(field int, num uint64, data []byte) error {
				switch field {
				case 2:
					s.statusMessage = string(data)
				case 3:
					s.status = int(int32(num))
				}
				return nil
			})
		}
		return nil
	})
}

// protoEvent reads an event within a span, of which only exceptions matter.
func (t *telemetry) protoEvent(s *signal, msg []byte) error {
	if err := t.take(1); err != nil {
		return err
	}
	var name string
	var attrs attributes
	err := eachField(msg, func(field int, _ uint64, data []byte) error {
		switch field {
		case 2:
			name = string(data)
		case 3:
			return t.protoAttribute(&attrs, data)
		}
		return nil
	})
	if err == nil && name == "exception" {
		s.exception = attrs // the last one is what it ended with
	}
	return err
}

func (t *telemetry) protoLog(s *signal, msg []byte) error {
	var observed uint64
	err := eachField(msg, func(field int, num uint64, data []byte) (err error) {
		switch field {
		case 1:
			s.end = num
		case 5:
			s.body, err = t.protoValue(data, 0)
		case 6:
			err = t.protoAttribute(&s.attrs, data)
		case 9:
			s.trace = hexID(data, 16)
		case 10:
			s.span = hexID(data, 8)
		case 11:
			observed = num
		case 12:
			s.name = string(data)
		}
		return err
	})
	s.logged(observed)
	return err
}

// logged completes a log record: its time is when it was made, or else seen.
func (s *signal) logged(observed uint64) {
	if s.end == 0 {
		s.end = observed
	}
	if s.name == "" {
		s.name = s.attrs.text("event.name")
	}
}

func (t *telemetry) protoAttribute(into *attributes, msg []byte) error {
	key, value, err := t.protoPair(msg, 0)
	if err == nil {
		into.set(key, value)
	}
	return err
}

// protoPair reads a KeyValue.
func (t *telemetry) protoPair(msg []byte, depth int) (key string, value any, err error) {
	if err := t.take(1); err != nil {
		return "", nil, err
	}
	err = eachField(msg, func(field int, _ uint64, data []byte) (err error) {
		switch field {
		case 1:
			key = string(data)
		case 2:
			value, err = t.protoValue(data, depth)
		}
		return err
	})
	return key, value, err
}

// protoValue reads an AnyValue. What nests too deep is nil.
func (t *telemetry) protoValue(msg []byte, depth int) (value any, err error) {
	if depth > maxValueDepth {
		return nil, nil
	}
	if err := t.take(1); err != nil {
		return nil, err
	}
	err = eachField(msg, func(field int, num uint64, data []byte) (err error) {
		switch field {
		case 1:
			value = string(data)
		case 2:
			value = num != 0
		case 3:
			value = int64(num)
		case 4:
			value = math.Float64frombits(num)
		case 5:
			value, err = t.protoList(data, depth+1)
		case 6:
			value, err = t.protoMap(data, depth+1)
		case 7:
			value = bytesMark(len(data))
		}
		return err
	})
	return value, err
}

func (t *telemetry) protoList(msg []byte, depth int) ([]any, error) {
	list := []any{}
	err := eachField(msg, func(field int, _ uint64, data []byte) error {
		if field != 1 {
			return nil
		}
		v, err := t.protoValue(data, depth)
		list = append(list, v)
		return err
	})
	return list, err
}

func (t *telemetry) protoMap(msg []byte, depth int) (map[string]any, error) {
	m := map[string]any{}
	err := eachField(msg, func(field int, _ uint64, data []byte) error {
		if field != 1 {
			return nil
		}
		key, v, err := t.protoPair(data, depth)
		m[key] = v
		return err
	})
	return m, err
}

// hexID is an id of n bytes in hex; "" when it is none, or all zero.
func hexID(id []byte, n int) string {
	if len(id) != n {
		return ""
	}
	for _, b := range id {
		if b != 0 {
			return hex.EncodeToString(id)
		}
	}
	return ""
}
