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
	head  int       // where the message begins
	first int       // the first word of the message
	total float64   // weight of all items
	price []float64 // of the items that are words; see priced
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

// seal computes what follows from the items.
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
	sh.head = sh.headEnd()
	sh.first = sh.head
	for sh.first < len(sh.items) && !sh.word(sh.first) {
		sh.first++
	}
	sh.total = 0
	for i := range sh.items {
		sh.total += sh.weight(i)
	}
}

// priced computes the prices of the words, once.
func (sh *shape) priced() *shape {
	if sh.price == nil {
		sh.price = make([]float64, len(sh.items))
		for i := range sh.items {
			if sh.word(i) {
				sh.price[i] = price(sh.items[i].text, sh.place(i))
			}
		}
	}
	return sh
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

// A head of a line has at most so many items, and words among them.
const headItems, headWords = 12, 3

// collapse gives the shape with values that follow each other made one, as join
// does where all of them have the form of values.
func (sh *shape) collapse() *shape {
	c := &shape{items: make([]item, 0, len(sh.items))}
	for i, it := range sh.items {
		if n := len(c.items); i > 0 && it.code == codeValue && c.items[n-1].code == codeValue {
			c.items[n-1].known = c.items[n-1].known || it.known
			continue
		}
		c.items = append(c.items, it)
	}
	if len(c.items) == len(sh.items) {
		return sh
	}
	c.seal()
	return c
}

// besideValue reports whether a value stands next to item i.
func (sh *shape) besideValue(i int) bool {
	return i > 0 && sh.items[i-1].code == codeValue || i+1 < len(sh.items) && sh.items[i+1].code == codeValue
}

// headEnd is where the message begins after the head of a whole line: a
// timestamp or a bracket, and what else stands before the first ":" or the last
// "]", "-" or "|" that is near enough. It is 0 when there is no head.
func (sh *shape) headEnd() (end int) {
	if len(sh.items) == 0 || sh.word(0) {
		return 0
	}
	words := 0
	for i := 1; i < len(sh.items) && i < headItems && words <= headWords; i++ {
		switch it := &sh.items[i]; {
		case it.text == ":" && it.glued:
			return i + 1
		case it.text == "]" || it.text == "|" || it.text == "-":
			end = i + 1
		case sh.word(i):
			words++
		}
	}
	return end
}

// place is where item i stands.
func (sh *shape) place(i int) wordPlace {
	p := wordPlace{first: i == sh.first}
	if i > 0 {
		p.before = sh.items[i-1].text
	}
	if i+1 < len(sh.items) {
		p.after = sh.items[i+1].text
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
			if it.code&codeWord != 0 && strings.HasSuffix(it.text, ":") { // "key:" of "key:1"
				b.WriteString(wildcard)
			}
		}
	}
	return strings.ToValidUTF8(b.String(), "\uFFFD")
}

// id is the identity of a template that begins with this shape.
func (sh *shape) id() string {
	sum := sha256.Sum256([]byte(sh.String()))
	return "mined/" + hex.EncodeToString(sum[:8])
}
