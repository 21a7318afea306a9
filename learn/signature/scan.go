package signature

import "bytes"

// maxTokens is how many tokens of a line count; a longer line ends there.
const maxTokens = 120

// maxGroup is how long a bracketed or quoted value may be, in bytes.
const maxGroup = 1024

// tokenKind says what a token is to the miner.
type tokenKind uint8

const (
	kindWord  tokenKind = iota // a constant, as far as its form tells
	kindValue                  // certainly variable: digits, paths, what follows "="
	kindMark                   // punctuation
)

// token is a piece of a line: line[at:end].
type token struct {
	at, end int32
	kind    tokenKind
	glued   bool // no blank before it
}

// Character classes.
const (
	isBlank uint8 = 1 << iota
	isDelim
	isDigit
	isAlpha
	isSlash
	isBackslash
	isDot
	isAt
)

// class is the class of each byte; 0 for punctuation inside words.
var class = classes()

func classes() (t [256]uint8) {
	for c := range 256 {
		switch {
		case c <= ' ' || c == 0x7f:
			t[c] = isBlank
		case c >= '0' && c <= '9':
			t[c] = isDigit
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80:
			t[c] = isAlpha
		}
	}
	for _, c := range []byte("=:,;()[]{}<>|\"'`!?") {
		t[c] = isDelim
	}
	t['/'], t['\\'], t['.'], t['@'] = isSlash, isBackslash, isDot, isAt
	return t
}

// scanner splits lines into tokens. It keeps its buffer from line to line, and
// reads each byte of a line about once; it has no regular expressions.
type scanner struct {
	line []byte
	pos  int
	out  []token
}

// scan gives the tokens of a line; they are valid until the next call.
func (s *scanner) scan(line []byte) []token {
	s.line, s.pos, s.out = line, 0, s.out[:0]
	glued := false
	for s.pos < len(line) && len(s.out) < maxTokens-4 { // 4: what one step appends at most
		c := line[s.pos]
		switch k := class[c]; {
		case c == ' ':
			s.pos++
			glued = false
			continue
		case k == isBlank:
			s.blank(c)
			glued = false
			continue
		case c == '"' || c == '\'' || c == '`':
			s.quote(c, glued)
		case c == '=':
			s.equals(glued)
		case c == ':' && s.at(s.pos+1) == ':' && !glued:
			s.colons()
		case k == isDelim:
			s.delim(c, glued)
		default:
			s.word(glued)
		}
		glued = true
	}
	return s.out
}

func (s *scanner) add(kind tokenKind, at, end int, glued bool) {
	s.out = append(s.out, token{at: int32(at), end: int32(end), kind: kind, glued: glued})
}

// at gives a byte of the line, 0 beyond its end.
func (s *scanner) at(i int) byte {
	if i < len(s.line) {
		return s.line[i]
	}
	return 0
}

// blank skips white space, control characters and ANSI sequences.
func (s *scanner) blank(c byte) {
	s.pos++
	if c != 0x1b || s.at(s.pos) != '[' {
		return
	}
	for s.pos++; s.pos < len(s.line); s.pos++ {
		if b := s.line[s.pos]; b >= '@' && b <= '~' {
			s.pos++
			return
		}
	}
}

// word reads a run of word characters and what belongs to it: parts after
// colons, the rest of a URL or of a drive's path, a plural in parentheses,
// arguments. Of "key:1" the word is "key:", with the value after it left out.
func (s *scanner) word(glued bool) {
	start := s.pos
	end, kind := s.part(start)
	if kind == kindValue && s.at(end) == ':' && s.at(end+1) == ':' && class[s.at(end+2)] == isAlpha { // Class9::method
		start = end + 2
		end, kind = s.part(start)
	}
	next := end // where the token ends in the line
	if kind != kindMark {
		next, end, kind = s.chain(start, end, kind)
	}
	if s.at(next) == '<' && kind != kindMark && end == next { // backend/<none>, #Ref<0.12.3>
		rest := s.line[next:min(len(s.line), next+maxGroup)]
		if k := bytes.IndexByte(rest, '>'); k > 1 && bytes.IndexByte(rest[:k], ' ') < 0 {
			next += k + 1
			end, kind = next, kindValue
		}
	}
	for kind == kindWord && end == next && end > start+1 && s.line[end-1] == '.' {
		end-- // ends a sentence
	}
	s.pos = next
	if s.at(next) == '(' && end == next && kind == kindWord {
		if n := pluralEnd(s.line[next:]); n > 0 {
			end += n
			s.pos = end
		}
	}
	s.add(kind, start, end, glued)
	if kind == kindWord && end < s.pos && s.line[end] == '.' {
		s.add(kindMark, end, s.pos, true)
	}
	switch c := s.at(s.pos); {
	case kind == kindMark:
	case c == '(' || c == '{':
		s.group()
	case c == '[': // node-[40-63], n[1,3]
		if end := s.balanced(s.pos); end > 0 && (s.line[s.pos-1] == '-' || s.line[s.pos-1] == '_' || ranges(s.line[s.pos+1:end-1])) {
			t := &s.out[len(s.out)-1]
			s.pos = end
			if k := bytes.LastIndexByte(s.line[t.at:t.end], ':'); k > 0 { // "nodes:node-[40-63]"
				t.end = t.at + int32(k) + 1
			} else {
				t.kind, t.end = kindValue, int32(end)
			}
		} else if end > 0 && end-s.pos > 2 && bytes.IndexByte(s.line[s.pos:end], ',') > 0 { // SIGTERM[hard,]
			s.group()
		}
	}
}

// flagsOnly reports whether a word is flags with dashes for those not set:
// "SC--", "rwxr-x---".
func flagsOnly(w []byte) bool {
	n := len(w)
	return n > 3 && n < 12 && w[n-1] == '-' && w[n-2] == '-' && class[w[0]] == isAlpha
}

// dottedName reports whether a word is small letters with dots inside, as names
// of hosts, files and settings are; "e.g." and "a.m." are none.
func dottedName(w []byte) bool {
	parts, long := 0, false
	for len(w) > 0 {
		k := bytes.IndexByte(w, '.')
		if k < 0 {
			k = len(w)
		}
		for _, c := range w[:k] {
			if !(c >= 'a' && c <= 'z' || c == '-' || c == '_') {
				return false
			}
		}
		if k > 0 {
			parts++
			long = long || k > 2
		}
		w = w[min(k+1, len(w)):]
	}
	return parts > 1 && long
}

// macro reports whether a word with digits is the name of a constant of the
// program: capitals and "_", few digits, and a capital at the end.
func macro(w []byte) bool {
	signs, digits := 0, 0
	for _, c := range w {
		switch {
		case c == '_':
			signs++
		case c >= '0' && c <= '9':
			digits++
		case c < 'A' || c > 'Z':
			return false
		}
	}
	last := w[len(w)-1]
	return signs > 0 && last >= 'A' && last <= 'Z' && 4*digits <= len(w)-signs
}

// ranges reports whether b is several numbers, as in lists of hosts.
func ranges(b []byte) bool {
	several := false
	for i, c := range b {
		switch {
		case c == '-' || c == ',':
			if several = true; i == 0 || i == len(b)-1 {
				return false
			}
		case c < '0' || c > '9':
			return false
		}
	}
	return several
}

// colons reads an address that begins with "::".
func (s *scanner) colons() {
	end := s.pos + 2
	for end < len(s.line) && (hexOnly(s.line[end:end+1]) || s.line[end] == ':' || s.line[end] == '.') {
		end++
	}
	s.add(kindValue, s.pos, end, false)
	s.pos = end
}

// part reads word characters up to a blank or other punctuation and judges
// them; a run of dots is a mark.
func (s *scanner) part(start int) (end int, kind tokenKind) {
	line, i, flags := s.line, start, uint8(0)
	if line[i] == '.' {
		for i < len(line) && line[i] == '.' {
			i++
		}
		if i > start+1 && s.at(i) != '/' || i == len(line) || class[line[i]]&(isBlank|isDelim) != 0 {
			return i, kindMark
		}
		flags = isDot
	}
	for ; i < len(line); i++ {
		k := class[line[i]]
		if k&(isBlank|isDelim|isDot) != 0 {
			if k != isDot || flags&isSlash == 0 && i+1 < len(line) && line[i+1] == '.' {
				break // "enabled....1"
			}
		}
		flags |= k
	}
	switch w := line[start:i]; {
	case flags == isAlpha|isDigit && macro(w):
		return i, kindWord
	case flags&isDigit != 0, flagsOnly(w), flags == isAlpha && len(w) >= 8 && hexOnly(w), flags&(isSlash|isBackslash|isAt) != 0 && pathLike(w, flags):
		return i, kindValue
	case flags == isAlpha|isDot && dottedName(w) && s.at(i) != '=' && (s.at(i) != ' ' || s.at(i+1) != '='):
		return i, kindValue
	}
	return i, kindWord
}

// chain reads on over colons with no blank after them, from the first part's
// end. It gives where the token ends in the line, where its text ends, and its
// kind: a value when its first part is one.
func (s *scanner) chain(start, end int, kind tokenKind) (next, text int, _ tokenKind) {
	next, text = end, end
	if s.at(next) != ':' {
		return next, text, kind
	}
	parts, hex := 1, hexOnly(s.line[start:end])
	for s.at(next) == ':' && next+1 < len(s.line) {
		c := s.line[next+1]
		if c == '/' && s.at(next+2) == '/' {
			next = s.urlEnd(next)
			return next, next, kindValue
		}
		at := next + 1
		for s.at(at) == ':' {
			at++
		}
		if at == len(s.line) || class[s.line[at]]&(isBlank|isDelim) != 0 {
			break
		}
		partEnd, partKind := s.part(at)
		if kind == kindValue && partKind == kindWord && partEnd-at > 2 && s.line[at] <= 'Z' && s.line[at+1] >= 'a' {
			break // "1:Got an exception"
		}
		if partKind == kindValue && c == '\\' && end == start+1 { // C:\...
			kind = kindValue
		}
		if partKind != kindWord && text == next {
			text = at // "key:"
		} else if text == next {
			text = partEnd
		}
		parts++
		hex = hex && hexOnly(s.line[at:partEnd])
		next = partEnd
	}
	if hex && parts > 2 { // an address
		kind = kindValue
	}
	if kind == kindValue {
		text = next
	}
	return next, text, kind
}

// pluralEnd is the length of "(s)" or "(es)" at the beginning of b, else 0.
func pluralEnd(b []byte) int {
	if len(b) >= 3 && b[1] == 's' && b[2] == ')' {
		return 3
	}
	if len(b) >= 4 && b[1] == 'e' && b[2] == 's' && b[3] == ')' {
		return 4
	}
	return 0
}

// urlEnd is where the URL ends whose scheme ends at i.
func (s *scanner) urlEnd(i int) int {
	for i < len(s.line) {
		switch c := s.line[i]; {
		case class[c] == isBlank, c == '"', c == '\'', c == '`', c == '<', c == '>', c == ')', c == ']', c == '}', c == '|':
			return i
		case (c == ',' || c == ';') && class[s.at(i+1)]&isBlank != 0:
			return i
		}
		i++
	}
	return i
}

// pathLike reports whether a word without digits names a file, a directory or
// a mailbox. "read/write" and "I/O" do not.
func pathLike(w []byte, flags uint8) bool {
	switch {
	case flags&isAlpha == 0:
		return len(w) > 1 && flags&isSlash != 0 && w[0] == '/' && len(w) > 2 || len(w) == 1 && w[0] == '/'
	case flags&isAt != 0:
		k := bytes.IndexByte(w, '@')
		return k > 0 && k < len(w)-1
	case flags&isBackslash != 0:
		return true
	case w[0] == '/' || w[0] == '~' || w[0] == '.':
		return true
	case bytes.Count(w, []byte("/")) > 1:
		return true
	}
	return flags&isDot != 0 // kernel/sched.c, com.x/com.x.Y
}
