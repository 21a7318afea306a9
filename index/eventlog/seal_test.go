package eventlog

import (
	"bytes"
	"crypto/sha256"
)

// reseal makes the hash at the end of a message fit whatever stands before.
func reseal(b []byte) []byte {
	b = bytes.Clone(b)
	sum := sha256.Sum256(b[:len(b)-hashSize])
	copy(b[len(b)-hashSize:], sum[:])
	return b
}

// sealCheckpoint appends a fitting hash.
func sealCheckpoint(b []byte) []byte {
	sum := sha256.Sum256(b)
	return append(bytes.Clone(b), sum[:]...)
}
