package signature

import (
	"crypto/sha256"
	"encoding/hex"
	"hash/maphash"
	"math/bits"
	"strings"
)

// wildcard is what stands in a template for its variable parts.
const wildcard = "<*>"

// Codes of a shape's items. Words have the hash of their text, with the top
// bit set; marks have their byte.
const (
	codeValue = 0
	codeWord  = 1 << 63
)

// item is a token of a shape.
type item struct {
	code  uint64
	text  string // a word's or mark's; "" of a value
	glued bool
	known bool // a value that was a word in some lines
}

// shape is a line without its values: what lines of one print statement have
// in common, before templates are learned.
type shape struct {
	key   uint64 // hash of the codes
	frame uint64 // hash of what must agree: the number of items, and the marks
	items []item
}

// hasher makes the codes of words. Its seed is the process's own, so that no
// input can be made to collide; nothing of it is stored.
type hasher struct{ seed maphash.Seed }

func (h hasher) word(b []byte) uint64 { return maphash.Bytes(h.seed, b) | codeWord }

// mix adds a code to a hash.
func mix(h, code uint64) uint64 {
	hi, lo := bits.Mul64(h^code^0x9e3779b97f4a7c15, 0xff51afd7ed558ccd)
	return hi ^ lo
}

// key is the hash of the shape of scanned tokens; it allocates nothing.
func (h hasher) key(line []byte, toks []token) uint64 {
	k := uint64(len(toks))
	for _, t := range toks {
		switch t.kind {
		case kindValue:
			k = mix(k, codeValue)
		case kindMark:
			k = mix(k, uint64(line[t.at]))
		default:
			k = mix(k, h.word(line[t.at:t.end]))
		}
	}
	return k
}

// shape makes the shape of scanned tokens.
func (h hasher) shape(line []byte, toks []token) *shape {
	sh := &shape{items: make([]item, len(toks))}
	for i, t := range toks {
		it := &sh.items[i]
		it.glued = t.glued
		switch text := line[t.at:t.end]; t.kind {
		case kindValue:
		case kindMark:
			it.code, it.text = uint64(text[0]), string(text)
		default:
			it.code, it.text = h.word(text), string(text)
		}
	}
	sh.seal()
	return sh
}

// seal computes the hashes.
func (sh *shape) seal() {
	sh.key, sh.frame = uint64(len(sh.items)), uint64(len(sh.items))
	for i := range sh.items {
		code := sh.items[i].code
		sh.key = mix(sh.key, code)
		if code == codeValue || code&codeWord != 0 {
			code = codeWord
		}
		sh.frame = mix(sh.frame, code)
	}
}

// word reports whether item i is a word.
func (sh *shape) word(i int) bool { return sh.items[i].code&codeWord != 0 }

// with gives a copy whose item i is a value.
func (sh *shape) with(i int) *shape {
	c := &shape{items: append([]item(nil), sh.items...)}
	c.items[i] = item{glued: c.items[i].glued, known: true}
	c.seal()
	return c
}

// headLength is how many items the head of a line has at most.
const headLength = 12

// place is where item i stands.
func (sh *shape) place(i int) wordPlace {
	p := wordPlace{first: true, tight: sh.items[i].glued}
	for j := range i {
		if sh.word(j) {
			p.first = false
			break
		}
	}
	if i > 0 {
		p.before = sh.items[i-1].text
	}
	if i+1 < len(sh.items) {
		p.after = sh.items[i+1].text
	}
	if !p.first && !p.tight && i < headLength && !sh.word(0) { // after the head of a whole line
		p.first = p.before == ":" || p.before == "]" || p.before == "-" || p.before == "|"
	}
	return p
}

// String is the shape as text, with wildcards for its values.
func (sh *shape) String() string {
	var b strings.Builder
	for i, it := range sh.items {
		if i > 0 && !it.glued {
			b.WriteByte(' ')
		}
		if it.code == codeValue {
			b.WriteString(wildcard)
		} else {
			b.WriteString(it.text)
		}
	}
	return strings.ToValidUTF8(b.String(), "\uFFFD")
}

// id is the identity of a template that begins with this shape.
func (sh *shape) id() string {
	sum := sha256.Sum256([]byte(sh.String()))
	return "mined/" + hex.EncodeToString(sum[:8])
}
