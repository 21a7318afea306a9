package eventlog

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"strings"

	"lathe/learn"
)

// A tombstone stands where a record was that somebody had removed (see
// CopyWithout). It keeps the counts of the chain and the places of the records
// beside it, and says of the record that was there only which stream subject,
// a hash of the project's name, it had:
//
//	{"forgotten":"f0d2..."}
//
// In the events, it keeps the record's key too, a hash of what called it: the
// record stays known, and the same recording imported again does not bring it
// back. In the ledger it gets a key of its own, so that a conclusion that
// follows from the records that are left can be drawn again.
type tombstone struct {
	Forgotten string `json:"forgotten"`
}

var tombstoneStart = []byte(`{"forgotten":"`)

func isTombstone(raw []byte) bool { return bytes.HasPrefix(raw, tombstoneStart) }

func makeTombstone(name Stream, subject string) []byte {
	raw, _ := json.Marshal(tombstone{strings.TrimPrefix(subject, subjectPrefix(name))}) // a string always encodes
	return raw
}

// tombstoneKey is the key of a tombstone in the ledger.
func tombstoneKey(seq uint64, index int) idKey {
	var k idKey
	b := binary.BigEndian.AppendUint64([]byte("forgotten"), seq)
	sum := sha256.Sum256(binary.BigEndian.AppendUint64(b, uint64(index)))
	copy(k[:], sum[:])
	return k
}

// subjectIn is the subject of a message with this first record.
func subjectIn(name Stream, raw []byte) string {
	if isTombstone(raw) {
		var t tombstone
		_ = json.Unmarshal(raw, &t) // what is none has no project
		if validName(t.Forgotten) && !strings.Contains(t.Forgotten, ".") {
			return subjectPrefix(name) + t.Forgotten
		}
		return subjectOf(name, "")
	}
	if name == Ledger {
		var e learn.LedgerEntry
		_ = json.Unmarshal(raw, &e) // what is no entry has no project
		return subjectOf(name, e.ProjectID)
	}
	var rec learn.Record
	_ = json.Unmarshal(raw, &rec)
	return subjectOf(name, rec.Project())
}
