package verify

import (
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// echoedCode reads the exit code that "cmd; echo $?" or "cmd | tail -5; echo
// exit ${PIPESTATUS[0]}" printed as the last line of the output. ofPipe says
// that it is the code of the first program of a pipe.
func echoedCode(echo *syntax.Stmt, line string) (code int, ofPipe, ok bool) {
	call, isCall := echo.Cmd.(*syntax.CallExpr)
	if !isCall || len(call.Args) < 2 || len(echo.Redirs) > 0 || literal(call.Args[0]) != "echo" {
		return 0, false, false
	}
	var shape strings.Builder
	found := 0
	for i, word := range call.Args[1:] {
		if i > 0 {
			shape.WriteByte(' ')
		}
		text, n, pipe := codeShape(word.Parts)
		if n < 0 {
			return 0, false, false
		}
		found, ofPipe = found+n, ofPipe || pipe
		shape.WriteString(text)
	}
	before, after, _ := strings.Cut(shape.String(), "\x00")
	digits, okBefore := strings.CutPrefix(line, before)
	digits, okAfter := strings.CutSuffix(digits, strings.TrimRight(after, " \t"))
	code, err := strconv.Atoi(digits)
	return code, ofPipe, found == 1 && okBefore && okAfter && err == nil && code >= 0 && code < 256
}

// codeShape is the text of a word with a zero byte for the exit code; n counts
// those and is -1 for any other expansion.
func codeShape(parts []syntax.WordPart) (text string, n int, ofPipe bool) {
	var b strings.Builder
	for _, part := range parts {
		switch p := part.(type) {
		case *syntax.Lit:
			b.WriteString(p.Value)
		case *syntax.SglQuoted:
			b.WriteString(p.Value)
		case *syntax.DblQuoted:
			inner, k, pipe := codeShape(p.Parts)
			if k < 0 {
				return "", -1, false
			}
			b.WriteString(inner)
			n, ofPipe = n+k, ofPipe || pipe
		case *syntax.ParamExp:
			switch {
			case p.Param != nil && p.Param.Value == "?":
			case p.Param != nil && p.Param.Value == "PIPESTATUS":
				index, isWord := p.Index.(*syntax.Word)
				if !isWord || literal(index) != "0" {
					return "", -1, false
				}
				ofPipe = true
			default:
				return "", -1, false
			}
			b.WriteByte(0)
			n++
		default:
			return "", -1, false
		}
	}
	return b.String(), n, ofPipe
}

// lastLine is the last line of s that is not blank, without escape sequences.
func lastLine(s string) string {
	s = strings.TrimRight(s, " \t\r\n")
	if i := strings.LastIndexByte(s, '\n'); i >= 0 {
		s = s[i+1:]
	}
	return strings.TrimSpace(stripANSI(cut(s, maxLine)))
}
