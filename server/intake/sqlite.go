package intake

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
)

// sqliteFile reads the rows of tables of an SQLite database (file format 3, as
// sqlite.org/fileformat2.html has it) with what its write-ahead log committed.
// It reads only, takes no lock, and of a damaged file makes an error: a database
// that is written meanwhile may have to be read again. This file reads pages,
// the log and the schema; sqliterows.go walks a table's tree and decodes rows.
//
// It is our own because it is all that is needed of SQLite, three tables read
// once, and libraries cost every start and download more than it has lines. A
// program that opens a database grew from 2.7 MB to 10.0 MB with
// modernc.org/sqlite v1.62.0 (44 s of processor time to build) and to 13.3 MB
// with github.com/ncruces/go-sqlite3 v0.37.0 (49 s, and 1.3 GB of memory),
// measured with go build and no flags; github.com/mattn/go-sqlite3 needs cgo.
type sqliteFile struct {
	main, log    *os.File
	size, usable int64            // of a page, and of what it holds
	pages        uint32           // how many there are at most
	left         int64            // pages that may still be read, each time that one is
	logged       map[uint32]int64 // where in the log a page's latest content is
	tables       map[string]sqliteTable
}

// sqliteTable is a table's first page and its columns.
type sqliteTable struct {
	root    uint32
	columns map[string]int
}

const (
	sqliteMagic = "SQLite format 3\x00"
	// maxPayload bounds one row, in bytes; maxTree the depth of a tree.
	maxPayload = 64 << 20
	maxTree    = 32
)

var errSQLite = errors.New("the database is damaged, or is written just now: try again, or export the sessions")

// openSQLite opens the database at path.
func openSQLite(path string) (*sqliteFile, error) {
	db := &sqliteFile{logged: map[uint32]int64{}, tables: map[string]sqliteTable{}}
	if err := db.open(path); err != nil {
		db.close()
		return nil, err
	}
	return db, nil
}

func (db *sqliteFile) open(path string) (err error) {
	if db.main, err = openRegular(path); err != nil {
		return err
	}
	head := make([]byte, 100)
	if _, err := db.main.ReadAt(head, 0); err != nil || string(head[:16]) != sqliteMagic {
		return errors.New("it is no SQLite database")
	}
	if db.size = int64(binary.BigEndian.Uint16(head[16:])); db.size == 1 {
		db.size = 65536
	}
	db.usable = db.size - int64(head[20])
	if db.size < 512 || db.size&(db.size-1) != 0 || db.usable < 480 {
		return errSQLite
	}
	if enc := binary.BigEndian.Uint32(head[56:]); enc > 1 {
		return errors.New("its texts are not in UTF-8")
	}
	info, err := db.main.Stat()
	if err != nil {
		return err
	}
	db.pages = uint32(min(info.Size()/db.size, math.MaxUint32))
	if err := db.readLog(path + "-wal"); err != nil {
		return err
	}
	// The schema, counting, and three tables with their long rows need each page
	// a few times; a tree that goes in circles needs more.
	db.left = 20*(info.Size()/db.size+int64(len(db.logged))) + 1000
	return db.schema()
}

func (db *sqliteFile) close() {
	for _, f := range []*os.File{db.main, db.log} {
		if f != nil {
			f.Close()
		}
	}
}

// readLog notes which pages the write-ahead log has newer; frames count up to
// the last commit whose checksums are right.
func (db *sqliteFile) readLog(path string) (err error) {
	if _, err := os.Lstat(path); err != nil {
		return nil // there is none
	}
	if db.log, err = openRegular(path); err != nil {
		return err
	}
	head := make([]byte, 32)
	if n, _ := io.ReadFull(db.log, head); n < len(head) {
		return nil // it is empty
	}
	var order binary.ByteOrder = binary.LittleEndian
	switch binary.BigEndian.Uint32(head) {
	case 0x377f0682:
	case 0x377f0683:
		order = binary.BigEndian
	default:
		return nil
	}
	sum := walSum{order: order}
	sum.add(head[:24])
	if int64(binary.BigEndian.Uint32(head[8:])) != db.size || !sum.is(head[24:]) {
		return nil
	}
	open := map[uint32]int64{}
	frame := make([]byte, 24+db.size)
	for at := int64(32); ; at += int64(len(frame)) {
		if _, err := io.ReadFull(db.log, frame); err != nil || !bytes.Equal(frame[8:16], head[16:24]) {
			return nil
		}
		sum.add(frame[:8])
		sum.add(frame[24:])
		if !sum.is(frame[16:24]) {
			return nil
		}
		open[binary.BigEndian.Uint32(frame)] = at + 24
		if pages := binary.BigEndian.Uint32(frame[4:]); pages > 0 {
			for n, where := range open {
				db.logged[n] = where
			}
			clear(open)
			db.pages = max(db.pages, pages)
		}
	}
}

// walSum is the log's running checksum.
type walSum struct {
	order  binary.ByteOrder
	s0, s1 uint32
}

func (w *walSum) add(p []byte) {
	for i := 0; i+8 <= len(p); i += 8 {
		w.s0 += w.order.Uint32(p[i:]) + w.s1
		w.s1 += w.order.Uint32(p[i+4:]) + w.s0
	}
}

func (w *walSum) is(p []byte) bool {
	return binary.BigEndian.Uint32(p) == w.s0 && binary.BigEndian.Uint32(p[4:]) == w.s1
}

func (db *sqliteFile) page(n uint32) ([]byte, error) {
	if db.left--; n == 0 || n > db.pages || db.left < 0 {
		return nil, errSQLite
	}
	p := make([]byte, db.size)
	f, at := db.main, int64(n-1)*db.size
	if where, ok := db.logged[n]; ok {
		f, at = db.log, where
	}
	if _, err := f.ReadAt(p, at); err != nil {
		return nil, fmt.Errorf("%w (%v)", errSQLite, err)
	}
	return p, nil
}

// schema reads what tables there are.
func (db *sqliteFile) schema() error {
	return db.scan(1, func(_ int64, read func() ([]any, error)) error {
		row, err := read()
		if err != nil || len(row) < 5 {
			return errors.Join(err, errSQLite)
		}
		kind, _ := row[0].(string)
		name, _ := row[1].(string)
		root, _ := row[3].(int64)
		sql, _ := row[4].(string)
		if kind == "table" && root > 0 && root <= math.MaxUint32 {
			db.tables[name] = sqliteTable{uint32(root), columnsOf(sql)}
		}
		return nil
	})
}

// columnsOf reads the names of columns out of a CREATE TABLE.
func columnsOf(sql string) map[string]int {
	out := map[string]int{}
	from := strings.IndexByte(sql, '(')
	if from < 0 {
		return out
	}
	depth, quoted, start := 0, byte(0), from+1
	add := func(def string) {
		name, _, _ := strings.Cut(strings.TrimSpace(def), " ")
		name = strings.ToLower(strings.Trim(name, "`\"[]\t\n"))
		switch name {
		case "", "constraint", "primary", "unique", "check", "foreign":
		default:
			out[name] = len(out)
		}
	}
	for i := from; i < len(sql); i++ {
		switch c := sql[i]; {
		case quoted != 0:
			if c == quoted {
				quoted = 0
			}
		case c == '\'' || c == '"' || c == '`':
			quoted = c
		case c == '(':
			depth++
		case c == ')':
			if depth--; depth == 0 {
				add(sql[start:i])
				return out
			}
		case c == ',' && depth == 1:
			add(sql[start:i])
			start = i + 1
		}
	}
	return out
}

// each yields the rows of a table by the names of columns; a table that is not
// there has none.
func (db *sqliteFile) each(table string, yield func(rowid int64, row func() (sqliteRow, error)) error) error {
	t, ok := db.tables[table]
	if !ok {
		return nil
	}
	return db.scan(t.root, func(rowid int64, read func() ([]any, error)) error {
		return yield(rowid, func() (sqliteRow, error) {
			values, err := read()
			return sqliteRow{t.columns, values}, err
		})
	})
}

// sqliteRow is one row.
type sqliteRow struct {
	columns map[string]int
	values  []any
}

func (r sqliteRow) text(name string) string {
	s, _ := r.value(name).(string)
	return s
}

func (r sqliteRow) number(name string) float64 {
	switch v := r.value(name).(type) {
	case int64:
		return float64(v)
	case float64:
		return v
	}
	return 0
}

func (r sqliteRow) value(name string) any {
	if i, ok := r.columns[name]; ok && i < len(r.values) {
		return r.values[i]
	}
	return nil
}
