package action

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// setLit makes a word one literal.
func setLit(word *syntax.Word, text string) {
	word.Parts = []syntax.WordPart{&syntax.Lit{Value: text}}
}

// literal is the text of a word with its quotes removed; expansions keep their
// source form ("$HOME/x").
func literal(word *syntax.Word) string {
	if word == nil {
		return ""
	}
	var b strings.Builder
	parts(&b, word.Parts, false)
	return b.String()
}

func parts(b *strings.Builder, list []syntax.WordPart, quoted bool) {
	for _, p := range list {
		switch p := p.(type) {
		case *syntax.Lit:
			b.WriteString(unescape(p.Value, quoted))
		case *syntax.SglQuoted:
			b.WriteString(p.Value)
		case *syntax.DblQuoted:
			parts(b, p.Parts, true)
		default:
			b.WriteString(printNode(p))
		}
	}
}

// unescape removes the backslashes that the shell would: any outside quotes,
// only those before $ ` " \ and newline inside double quotes.
func unescape(s string, quoted bool) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) || quoted && !strings.ContainsRune("$`\"\\\n", rune(s[i+1])) {
			b.WriteByte(s[i])
			continue
		}
		i++
		if s[i] != '\n' {
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

func literals(words []*syntax.Word) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = literal(w)
	}
	return out
}

// source is the value of a word for a placeholder: its literal text.
func source(word *syntax.Word) string { return literal(word) }

// printNode prints any node back as shell text.
func printNode(n syntax.Node) string {
	var b strings.Builder
	if syntax.NewPrinter(syntax.SingleLine(true)).Print(&b, n) != nil {
		return ""
	}
	return b.String()
}

// substitution gives the statements of a word that is nothing but one command
// or process substitution, quoted or not.
func substitution(word *syntax.Word) []*syntax.Stmt {
	if len(word.Parts) != 1 {
		return nil
	}
	part := word.Parts[0]
	if q, ok := part.(*syntax.DblQuoted); ok && len(q.Parts) == 1 {
		part = q.Parts[0]
	}
	switch p := part.(type) {
	case *syntax.CmdSubst:
		return p.Stmts
	case *syntax.ProcSubst:
		return p.Stmts
	}
	return nil
}
