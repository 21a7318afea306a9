package web

import (
	"strings"
	"unicode/utf8"
)

// token is a part of a line with its class: k(eyword), s(tring), c(omment),
// n(umber), f(unction or key), or "" for the rest.
type token struct{ Class, Text string }

// A general highlighter runs backtracking regular expressions over what it is
// given. What stands here is the attacker's to choose, so this scanner looks at
// each byte once: it knows the languages that tools are written in, and no more
// of them than a reader's eye needs.
type scanner struct {
	text   string
	at     int
	words  map[string]string // class by word
	shell  bool              // $names, and # only begins a comment after a space
	triple bool              // """ and '''
	out    []token
}

// highlight cuts a source into tokens; joined they are the source again. name
// is the file's.
func highlight(name, text string) []token {
	s := &scanner{text: text}
	switch {
	case strings.HasSuffix(name, ".py"):
		s.triple, s.words = true, wordClasses(pythonWords)
	case strings.HasSuffix(name, ".sh"):
		s.shell, s.words = true, wordClasses(shellWords)
	case strings.HasSuffix(name, ".json"):
		s.words = wordClasses("true false null")
	default:
		return []token{{"", text}}
	}
	for s.at < len(s.text) {
		s.next()
	}
	return s.out
}

const (
	pythonWords = "and as assert async await break class continue def del elif else except finally for from global if import in is lambda " +
		"match nonlocal not or pass raise return try while with yield None True False"
	shellWords = "if then else elif fi for while until do done case esac in function return local export exit set shift trap readonly"
)

func wordClasses(words string) map[string]string {
	out := map[string]string{}
	for w := range strings.FieldsSeq(words) {
		out[w] = "k"
	}
	return out
}

func (s *scanner) next() {
	c := s.text[s.at]
	switch {
	case c == '#' && (!s.shell || s.at == 0 || strings.IndexByte(" \t\n;", s.text[s.at-1]) >= 0):
		s.take("c", s.upTo(s.at, "\n"))
	case c == '"' || c == '\'':
		s.take("s", s.quoted(s.at))
	case wordByte(c) && (c < '0' || c > '9'):
		s.word()
	case c >= '0' && c <= '9':
		s.take("n", s.run(s.at, func(b byte) bool { return wordByte(b) || b == '.' }))
	case c == '@' && s.triple:
		s.take("f", s.run(s.at+1, func(b byte) bool { return wordByte(b) || b == '.' }))
	case c == '$' && s.shell:
		s.take("f", s.run(s.at+1, func(b byte) bool { return wordByte(b) || b == '{' || b == '}' }))
	case c == '\\' && s.at+1 < len(s.text):
		_, size := utf8.DecodeRuneInString(s.text[s.at+1:])
		s.take("", s.at+1+size)
	default:
		_, size := utf8.DecodeRuneInString(s.text[s.at:])
		s.take("", s.at+size)
	}
}

// word is an identifier: a keyword, the name after def and class, the prefix of
// a string, or nothing special.
func (s *scanner) word() {
	end := s.run(s.at, wordByte)
	w := s.text[s.at:end]
	if s.triple && len(w) <= 2 && end < len(s.text) && (s.text[end] == '"' || s.text[end] == '\'') && strings.Trim(strings.ToLower(w), "rbfut") == "" {
		s.take("s", s.quoted(end))
		return
	}
	class := s.words[w]
	if class == "" && s.named() {
		class = "f"
	}
	s.take(class, end)
}

// named reports whether the last word was def or class.
func (s *scanner) named() bool {
	for i := len(s.out) - 1; i >= 0 && i >= len(s.out)-2; i-- {
		if t := s.out[i]; strings.TrimSpace(t.Text) != "" {
			return t.Class == "k" && (t.Text == "def" || t.Text == "class")
		}
	}
	return false
}

// quoted is the end of the string whose quote is at i.
func (s *scanner) quoted(i int) int {
	q := s.text[i : i+1]
	if s.triple && strings.HasPrefix(s.text[i:], q+q+q) {
		for end := i + 3; end < len(s.text); end++ {
			if s.text[end] == '\\' {
				end++
			} else if strings.HasPrefix(s.text[end:], q+q+q) {
				return end + 3
			}
		}
		return len(s.text)
	}
	for end := i + 1; end < len(s.text); end++ {
		switch {
		case s.text[end] == '\\' && (!s.shell || q == `"`):
			end++
		case s.text[end] == q[0]:
			return end + 1
		case s.text[end] == '\n' && !s.shell:
			return end // not closed: the line ends it
		}
	}
	return len(s.text)
}

func (s *scanner) run(from int, in func(byte) bool) int {
	for from < len(s.text) && in(s.text[from]) {
		from++
	}
	return from
}

func (s *scanner) upTo(from int, stop string) int {
	if i := strings.Index(s.text[from:], stop); i >= 0 {
		return from + i
	}
	return len(s.text)
}

// take makes a token of what lies before end; neighbours of no class join.
func (s *scanner) take(class string, end int) {
	end = min(end, len(s.text))
	for end < len(s.text) && !utf8.RuneStart(s.text[end]) {
		end++
	}
	from := s.at
	s.at = end
	if n := len(s.out); class == "" && n > 0 && s.out[n-1].Class == "" {
		s.out[n-1].Text = s.text[from-len(s.out[n-1].Text) : end]
		return
	}
	s.out = append(s.out, token{class, s.text[from:end]})
}

func wordByte(b byte) bool {
	return b == '_' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9' || b >= 0x80
}

// inLines splits tokens at line ends.
func inLines(tokens []token) [][]token {
	lines := [][]token{nil}
	for _, t := range tokens {
		for i, part := range strings.Split(t.Text, "\n") {
			if i > 0 {
				lines = append(lines, nil)
			}
			if part != "" {
				at := len(lines) - 1
				lines[at] = append(lines[at], token{t.Class, part})
			}
		}
	}
	return lines
}
