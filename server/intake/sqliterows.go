package intake

import (
	"bytes"
	"encoding/binary"
	"math"
)

// scan walks a table's tree in the order of its rows.
func (db *sqliteFile) scan(root uint32, yield func(rowid int64, read func() ([]any, error)) error) error {
	var walk func(n uint32, depth int) error
	walk = func(n uint32, depth int) error {
		if depth > maxTree {
			return errSQLite
		}
		p, err := db.page(n)
		if err != nil {
			return err
		}
		cells, inner, last, err := db.cells(p, n)
		if err != nil {
			return err
		}
		for _, at := range cells {
			if inner {
				if at+4 > len(p) {
					return errSQLite
				}
				err = walk(binary.BigEndian.Uint32(p[at:]), depth+1)
			} else {
				err = db.leaf(p, at, yield)
			}
			if err != nil {
				return err
			}
		}
		if inner {
			return walk(last, depth+1)
		}
		return nil
	}
	return walk(root, 0)
}

// cells finds where a page's cells begin.
func (db *sqliteFile) cells(p []byte, n uint32) (at []int, inner bool, last uint32, err error) {
	h := 0
	if n == 1 {
		h = 100
	}
	first := h + 8
	switch p[h] {
	case 0x0d:
	case 0x05:
		inner, first, last = true, h+12, binary.BigEndian.Uint32(p[h+8:])
	default:
		return nil, false, 0, errSQLite
	}
	count := int(binary.BigEndian.Uint16(p[h+3:]))
	if first+2*count > len(p) {
		return nil, false, 0, errSQLite
	}
	for i := range count {
		at = append(at, int(binary.BigEndian.Uint16(p[first+2*i:])))
	}
	return at, inner, last, nil
}

// leaf yields the row of a cell; what of it lies on other pages is read when it
// is asked for.
func (db *sqliteFile) leaf(p []byte, at int, yield func(int64, func() ([]any, error)) error) error {
	size, n := sqliteVarint(p, at)
	rowid, m := sqliteVarint(p, at+n)
	at += n + m
	if n == 0 || m == 0 || size < 0 || size > maxPayload {
		return errSQLite
	}
	local := size
	if most := db.usable - 35; size > most {
		least := (db.usable-12)*32/255 - 23
		if local = least + (size-least)%(db.usable-4); local > most {
			local = least
		}
	}
	end := at + int(local)
	if end > len(p) || local < size && end+4 > len(p) {
		return errSQLite
	}
	return yield(rowid, func() ([]any, error) {
		if local == size {
			return sqliteRecord(p[at:end])
		}
		payload := append(make([]byte, 0, size), p[at:end]...)
		for next := binary.BigEndian.Uint32(p[end:]); int64(len(payload)) < size; {
			more, err := db.page(next)
			if err != nil {
				return nil, err
			}
			next = binary.BigEndian.Uint32(more)
			payload = append(payload, more[4:min(db.usable, 4+size-int64(len(payload)))]...)
		}
		return sqliteRecord(payload)
	})
}

// sqliteVarint reads a number of one to nine bytes; n is 0 when it is cut off.
func sqliteVarint(p []byte, at int) (v int64, n int) {
	for i := range 9 {
		if at < 0 || at+i >= len(p) {
			return 0, 0
		}
		b := p[at+i]
		if i == 8 {
			return v<<8 | int64(b), 9
		}
		if v = v<<7 | int64(b&0x7f); b < 0x80 {
			return v, i + 1
		}
	}
	return 0, 0
}

// sqliteRecord decodes a row: nil, int64, float64, string, or []byte.
func sqliteRecord(p []byte) (row []any, err error) {
	size, at := sqliteVarint(p, 0)
	if at == 0 || size < int64(at) || size > int64(len(p)) {
		return nil, errSQLite
	}
	body := p[size:]
	for at < int(size) {
		kind, n := sqliteVarint(p[:size], at)
		if at += n; n == 0 || kind < 0 {
			return nil, errSQLite
		}
		width := int64(0)
		switch {
		case kind >= 12:
			width = (kind - 12) / 2
		case kind <= 7:
			width = []int64{0, 1, 2, 3, 4, 6, 8, 8}[kind]
		}
		if width > int64(len(body)) {
			return nil, errSQLite
		}
		row = append(row, sqliteValue(kind, body[:width]))
		body = body[width:]
	}
	return row, nil
}

func sqliteValue(kind int64, p []byte) any {
	switch {
	case kind == 0:
		return nil
	case kind == 7:
		return math.Float64frombits(binary.BigEndian.Uint64(p))
	case kind == 8 || kind == 9:
		return kind - 8
	case kind >= 12 && kind%2 == 1:
		return string(p)
	case kind >= 12:
		return bytes.Clone(p)
	case kind > 7:
		return nil // reserved
	}
	v := int64(0)
	for i, b := range p {
		if i == 0 {
			v = int64(int8(b))
		} else {
			v = v<<8 | int64(b)
		}
	}
	return v
}
