package learn

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
)

// UUIDv8 makes a name-based identifier (RFC 9562, 2024, section 5.8) from the
// SHA-256 of the parts. Parts are length-prefixed, so ("ab","c") and
// ("a","bc") differ.
func UUIDv8(parts ...string) string {
	var name []byte
	for _, p := range parts {
		name = appendPart(name, p)
	}
	sum := sha256.Sum256(name)
	var b [16]byte
	copy(b[:], sum[:])
	b[6] = b[6]&0x0f | 0x80
	b[8] = b[8]&0x3f | 0x80
	x := hex.EncodeToString(b[:])
	return x[:8] + "-" + x[8:12] + "-" + x[12:16] + "-" + x[16:20] + "-" + x[20:]
}

// EventID names a call that its agent gave an id: the same call seen by hook,
// gateway and transcript is one event. The event's id is InProject of it.
func EventID(sessionID, callID string) string { return UUIDv8("call", sessionID, callID) }

// InProject is the id of the record that is called name (EventID, PositionID, or
// an id that its sender chose) in a project. Names can be guessed or chosen by
// whoever may write into any project; an id that holds the project keeps one
// project's records from passing for duplicates of another's.
func InProject(project, name string) string { return UUIDv8("in project", project, name) }

// PositionID names a call without an id of its own: where in which recording it
// stands.
func PositionID(source, sessionID string, position int) string {
	return UUIDv8("position", source, sessionID, strconv.Itoa(position))
}

// ValidID reports whether s has the form of a UUID in lower case.
func ValidID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f') {
				return false
			}
		}
	}
	return true
}

// ContentHash is the SHA-256 of b as lower-case hex with the "sha256:" prefix
// that OCI digests have.
func ContentHash(b []byte) string {
	sum := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// appendPart appends part with its length in front.
func appendPart(b []byte, part string) []byte {
	b = strconv.AppendInt(b, int64(len(part)), 10)
	b = append(b, ':')
	return append(b, part...)
}

func joinWords(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		if w == "" || strings.ContainsAny(w, " \t\n'\"\\$`|&;<>()*?[]{}~#!") {
			w = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
		quoted[i] = w
	}
	return strings.Join(quoted, " ")
}
