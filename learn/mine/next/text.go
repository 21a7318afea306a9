package next

import (
	"hash/fnv"
	"maps"
	"slices"
	"strings"
)

// maxName bounds what is kept of a name or skeleton, in bytes.
const maxName = 240

func clip(s string) string {
	if len(s) > maxName {
		return strings.ToValidUTF8(s[:maxName], "")
	}
	return s
}

// terms are the distinct longer words of a prompt, up to 32.
func terms(prompt string) []string {
	var out []string
	words := strings.FieldsFunc(strings.ToLower(prompt[:min(len(prompt), 4096)]), func(r rune) bool { return r < 'a' || r > 'z' })
	for _, w := range words {
		if len(w) >= 4 && len(w) <= 20 && len(out) < 32 && !slices.Contains(out, w) {
			out = append(out, w)
		}
	}
	return out
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func hashText(s string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(s)) // never fails
	return h.Sum64() | 1      // 0 means none
}

// hashOf mixes numbers (the finalizer of MurmurHash3, Appleby 2011).
func hashOf(parts ...uint64) uint64 {
	h := uint64(0x9e3779b97f4a7c15)
	for _, p := range parts {
		h ^= p + 0x9e3779b97f4a7c15 + h<<6 + h>>2
		h ^= h >> 33
		h *= 0xff51afd7ed558ccd
		h ^= h >> 33
	}
	return h
}
