package signature

import "bytes"

// group reads "(...)" or "{...}" glued to a word: an empty one stays, the
// content of another is a value.
func (s *scanner) group() {
	end := s.balanced(s.pos)
	if end < 0 || len(s.out) > maxTokens-8 {
		return
	}
	s.add(kindMark, s.pos, s.pos+1, true)
	if end > s.pos+2 {
		s.add(kindValue, s.pos+1, end-1, true)
	}
	s.add(kindMark, end-1, end, true)
	s.pos = end
}

// balanced gives the end of the group that opens at i, -1 when it does not
// close within maxGroup bytes.
func (s *scanner) balanced(i int) int {
	depth := 0
	for end := min(len(s.line), i+maxGroup); i < end; i++ {
		switch s.line[i] {
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return -1
}

// quote reads a quoted string. One of a single word is a value; of a longer
// one the first word stays, since it may say what kind of thing is quoted
// ("GET /x"), and the rest is a value. A JSON key stays, and so does the text
// under a key such as msg.
func (s *scanner) quote(c byte, glued bool) {
	i := s.pos
	end := -1
	if i == 0 || !isWord(s.line[i-1]) {
		end = s.closing(i+1, c)
	}
	if end < 0 {
		s.add(kindMark, i, i+1, glued)
		s.pos = i + 1
		return
	}
	s.pos = end + 1
	key := s.key()
	switch space := bytes.IndexByte(s.line[i:end], ' '); {
	case len(key) > 0 && textKey(key):
		s.add(kindMark, i, i+1, glued)
		s.pos = i + 1
	case s.at(end+1) == ':' && space < 0 && end > i+1 && end-i < 40 && class[s.line[i+1]]&isDelim == 0:
		s.add(kindWord, i+1, end, glued)
	case space < 0 || len(key) > 0:
		s.add(kindMark, i, i+1, glued)
		s.add(kindValue, i+1, end, true)
		s.add(kindMark, end, end+1, true)
	default:
		s.add(kindMark, i, i+1, glued)
		if plain(s.line[i+1 : i+space]) {
			s.add(kindWord, i+1, i+space, true)
			i += space
		}
		s.add(kindValue, i+1, end, false)
		s.add(kindMark, end, end+1, true)
	}
}

// closing finds the quote that closes: the next one that no word follows.
func (s *scanner) closing(i int, c byte) int {
	for end := min(len(s.line), i+maxGroup); i < end; i++ {
		if s.line[i] == '\\' {
			i++
			continue
		}
		if b := s.line[i]; (b == c || c == '`' && b == '\'') && !isWord(s.at(i+1)) {
			return i
		}
	}
	return -1
}

// key is the word before "=", or a JSON key before ":", where the next value
// belongs to it; else nil.
func (s *scanner) key() []byte {
	n := len(s.out)
	if n < 2 || s.out[n-1].kind != kindMark {
		return nil
	}
	k := s.out[n-2]
	switch s.line[s.out[n-1].at] {
	case '=':
	case ':':
		if !s.quoted(k) {
			return nil
		}
	default:
		return nil
	}
	return s.line[k.at:k.end]
}

// quoted reports whether a word was a quoted key.
func (s *scanner) quoted(k token) bool {
	c := s.at(int(k.end))
	return k.kind == kindWord && (c == '"' || c == '\'' || c == '`')
}

// textKey reports whether a key's value is a message.
func textKey(key []byte) bool {
	switch string(key) {
	case "msg", "message", "text", "event", "error", "err", "log", "MESSAGE", "reason", "description":
		return true
	}
	return false
}

// plain reports whether a word has letters and at most "-" and "_" besides.
func plain(w []byte) bool {
	for _, c := range w {
		if class[c] != isAlpha && c != '-' && c != '_' {
			return false
		}
	}
	return len(w) > 0
}

// equals reads "=" and the value after it. An empty value is a value too.
func (s *scanner) equals(glued bool) {
	i := s.pos
	j := i + 1
	for j < len(s.line) && (s.line[j] == '=' || s.line[j] == '>' || s.line[j] == '~') {
		j++
	}
	s.add(kindMark, i, j, glued)
	s.pos = j
	if j > i+1 || i > 0 && (s.line[i-1] == '!' || s.line[i-1] == '<' || s.line[i-1] == '>' || s.line[i-1] == '+' || s.line[i-1] == ':') || len(s.out) < 2 {
		return // an operator or a ruler
	}
	for j < len(s.line) && class[s.line[j]] == isBlank {
		j++
	}
	if c := s.at(j); c == '"' || c == '\'' || c == '`' {
		if s.closing(j+1, c) >= 0 {
			s.pos = j
			s.quote(c, j == i+1)
			return
		}
	}
	end := s.valueEnd(j)
	if end == j || j > i+1 && s.at(end) == '=' {
		s.add(kindValue, i+1, i+1, true)
		return
	}
	s.add(kindValue, j, end, j == i+1)
	s.pos = end
}

// valueEnd is where the value ends that begins at i: at a blank or a
// separator outside of brackets.
func (s *scanner) valueEnd(i int) int {
	for i < len(s.line) {
		switch c := s.line[i]; {
		case c == '(' || c == '[' || c == '{':
			end := s.balanced(i)
			if end < 0 { // cut off: up to a blank
				for i < len(s.line) && class[s.line[i]] != isBlank {
					i++
				}
				return i
			}
			i = end
			continue
		case class[c] == isBlank, c == ',', c == ';', c == '|', c == '&', c == ')', c == ']', c == '}', c == '"', c == '=':
			return i
		}
		i++
	}
	return i
}

// delim reads other punctuation. "<" before a number or around an address
// belongs to the value.
func (s *scanner) delim(c byte, glued bool) {
	i := s.pos
	if c == '<' {
		if class[s.at(i+1)] == isDigit {
			s.pos++
			s.word(glued)
			return
		}
		for j := i + 1; j < len(s.line) && j < i+200 && class[s.line[j]] != isBlank; j++ {
			if s.line[j] == '>' && j > i+1 {
				s.add(kindValue, i, j+1, glued)
				s.pos = j + 1
				return
			}
		}
	}
	s.pos++
	s.add(kindMark, i, i+1, glued)
	if glued {
		return
	}
	switch {
	case c == '(' && s.at(i+1) == ')', c == '[' && s.at(i+1) == ']': // where others have something
		s.add(kindValue, i+1, i+1, true)
	case c == '[':
		s.nested(i)
	case c == '(' && len(s.out) > 1:
		s.aside(i)
	}
}

// aside reads what a message says in parentheses before it goes on: one value,
// as in those of a call. What stands at the end is more often what happened.
func (s *scanner) aside(i int) {
	end := s.balanced(i)
	if end < 0 || s.at(end) != ' ' || class[s.at(end+1)] != isAlpha {
		return
	}
	s.add(kindValue, i+1, end-1, true)
	s.pos = end - 1
}

// nested reads what stands in brackets at i when it has brackets itself, which
// is how objects print themselves: "[Engine[main].Host[a]]" has one value.
func (s *scanner) nested(i int) {
	end := s.balanced(i)
	if end < 0 || bytes.IndexByte(s.line[i+1:end-1], '[') < 1 || s.line[end-2] != ']' {
		return
	}
	s.add(kindValue, i+1, end-1, true)
	s.pos = end - 1
}

func isWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
}
