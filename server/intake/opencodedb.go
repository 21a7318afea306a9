package intake

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
)

// maxOpencodeBytes bounds what of a database's calls is in memory at once.
const maxOpencodeBytes = 1 << 30

// opencodeStored is a session of a database.
type opencodeStored struct {
	info  opencodeInfo
	key   string // its place among the others
	first string // its first message of the user
	parts []opencodeRef
}

// opencodeSessions reads the sessions, and which message of each is the first
// of the user.
func opencodeSessions(db *sqliteFile) (map[string]*opencodeStored, error) {
	sessions := map[string]*opencodeStored{}
	err := db.each("session", func(_ int64, read func() (sqliteRow, error)) error {
		row, err := read()
		if err != nil || len(sessions) >= maxElements {
			return err
		}
		s := &opencodeStored{info: opencodeInfo{ID: row.text("id"), Directory: row.text("directory")}}
		s.info.Time.Created, s.info.Time.Updated = row.number("time_created"), row.number("time_updated")
		s.key = fmt.Sprintf("%020.0f %s", s.info.Time.Created, s.info.ID)
		if s.info.ID != "" {
			sessions[s.info.ID] = s
		}
		return nil
	})
	if err != nil {
		return sessions, err
	}
	return sessions, db.each("message", func(_ int64, read func() (sqliteRow, error)) error {
		row, err := read()
		if err != nil {
			return err
		}
		s, id := sessions[row.text("session_id")], row.text("id")
		if s == nil || s.first != "" && s.first <= id {
			return nil
		}
		var info opencodeInfo
		if json.Unmarshal([]byte(row.text("data")), &info) == nil && info.Role == "user" {
			s.first = id
		}
		return nil
	})
}

// opencodeParts gives each session its calls and its prompt.
func opencodeParts(ctx context.Context, db *sqliteFile, sessions map[string]*opencodeStored) error {
	size := 0
	return db.each("part", func(_ int64, read func() (sqliteRow, error)) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		row, err := read()
		if err != nil {
			return err
		}
		s, data := sessions[row.text("session_id")], row.text("data")
		user := s != nil && row.text("message_id") == s.first
		if s == nil || !user && !bytes.Contains([]byte(data[:min(len(data), 4096)]), []byte(`"tool"`)) {
			return nil
		}
		if size += len(data); size > maxOpencodeBytes {
			return fmt.Errorf("its calls have more than %d MiB: export the sessions one by one", maxOpencodeBytes>>20)
		}
		s.parts = append(s.parts, opencodeRef{id: row.text("id"), data: data, user: user})
		return nil
	})
}

// opencodeCount is how many sessions a database has.
func opencodeCount(path string) (n int) {
	if _, err := os.Stat(path); err != nil {
		return 0
	}
	db, err := openSQLite(path)
	if err != nil {
		return 0
	}
	defer db.close()
	_ = db.each("session", func(int64, func() (sqliteRow, error)) error { // what can be counted
		n++
		return nil
	})
	return n
}
