package action

import (
	"sort"
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"lathe/learn"
)

// call rewrites one simple command and notes what it is.
func (w *walker) call(cmd *syntax.CallExpr, redirs []*syntax.Redirect) {
	for _, a := range cmd.Assigns {
		w.assign(a)
	}
	if len(cmd.Args) == 0 {
		return
	}
	c := newSimple(literals(cmd.Args))
	c.group, c.piped, c.nested = w.group, w.piped, w.nested
	w.observe(&c, redirs)
	w.simple = append(w.simple, c)
	out := make([]*syntax.Word, 0, len(cmd.Args))
	for i := 0; i < c.start; i++ {
		out = append(out, w.wrapperWord(cmd.Args[i], i == 0 || wrapped(c.words[i])))
	}
	out = append(out, w.program(cmd.Args[c.start], &c))
	cmd.Args = append(out, w.arguments(cmd.Args, &c)...)
}

func wrapped(word string) bool { _, ok := wrappers[pathBase(word)]; return ok }

// wrapperWord keeps a wrapper's name, flags and subcommand.
func (w *walker) wrapperWord(arg *syntax.Word, name bool) *syntax.Word {
	text := literal(arg)
	switch {
	case assignment.MatchString(text):
		k := strings.IndexByte(text, '=')
		setLit(arg, text[:k+1]+w.mark(typeOf(text[k+1:], ""), text[k+1:]))
	case name, isFlag(text) && !strings.Contains(text, "="), text == "run", text == "exec", text == "dlx", text == "--":
		setLit(arg, quoteLit(text))
	default:
		w.word(arg, typeOf(text, ""))
	}
	return arg
}

// program keeps the name of a known program, and turns the path of an unknown
// one into a placeholder.
func (w *walker) program(arg *syntax.Word, c *simple) *syntax.Word {
	text := c.words[c.start]
	base := pathBase(text)
	switch {
	case !strings.Contains(text, "/") && !strings.Contains(text, "$") && len(text) <= 60 && !strings.ContainsAny(text, " \n"):
		if strings.HasSuffix(text, ".py") || strings.HasSuffix(text, ".sh") {
			break
		}
		setLit(arg, quoteLit(text))
		return arg
	case scripts[base] || c.intent == learn.IntentTest && !testFile.MatchString(text) && relative(text):
		setLit(arg, quoteLit(text))
		return arg
	case known(stem(base)) || python.MatchString(base) || scripts[base] || wrapped(base):
		setLit(arg, quoteLit(base))
		return arg
	}
	w.word(arg, learn.TypePath)
	return arg
}

// piece is a flag with its value, or a positional word.
type piece struct {
	key   string
	words []*syntax.Word
}

// arguments rewrites what follows the program: subcommands, then the sorted
// flags with their values, then the positional words in order.
func (w *walker) arguments(args []*syntax.Word, c *simple) []*syntax.Word {
	var head, flags, rest []piece
	types := flagsOf(c.program)
	after, n := false, 0
	module := c.subEnd > c.start+1 && c.keep[c.subEnd-1] && python.MatchString(pathBase(c.words[c.start]))
	for i := c.start + 1; i < len(args); i++ {
		text := c.words[i]
		switch {
		case module && i < c.subEnd: // python -W ignore -m pytest, python tests/runtests.py
			if !c.keep[i] && !isFlag(text) {
				w.word(args[i], typeOf(text, ""))
			} else if c.keep[i] && scripts[c.program] {
				setLit(args[i], quoteLit(text))
			} else {
				setLit(args[i], quoteLit(text))
			}
			head = append(head, piece{words: args[i : i+1]})
		case c.keep[i]:
			setLit(args[i], quoteLit(text))
			head = append(head, piece{words: args[i : i+1]})
		case i == c.inner:
			flags = append(flags, piece{key: "~", words: []*syntax.Word{w.innerShell(args[i], text)}})
		case !after && text == "--":
			after = true
			rest = append(rest, piece{words: args[i : i+1]})
		case !after && isFlag(text):
			p, took := w.flag(args, i, c, types)
			if ordered[stem(c.program)] {
				rest = append(rest, p...)
			} else {
				flags = append(flags, p...)
			}
			i += took
		default:
			w.positionalWord(args[i], c.positional(n, text, after))
			rest = append(rest, piece{words: args[i : i+1]})
			n++
		}
	}
	sort.SliceStable(flags, func(i, j int) bool { return flags[i].key < flags[j].key })
	var out []*syntax.Word
	for _, p := range append(append(head, flags...), rest...) {
		out = append(out, p.words...)
	}
	return out
}

// positionalWord keeps the words that are syntax to their program.
func (w *walker) positionalWord(arg *syntax.Word, t learn.PlaceholderType) {
	switch text := literal(arg); text {
	case "{}", "\\;", ";", "+", "-", "]", "!", "(", ")", "/dev/null":
		return
	}
	w.word(arg, t)
}

// flag rewrites the flag at i; took is 1 when the next word is its value.
func (w *walker) flag(args []*syntax.Word, i int, c *simple, types flagTypes) (out []piece, took int) {
	text := c.words[i]
	if t := types[text]; t != "" && i+1 < len(args) && i+1 != c.inner {
		value := c.words[i+1]
		if t == tAny {
			t = typeOf(value, "")
		}
		setLit(args[i], quoteLit(text))
		w.word(args[i+1], t)
		return []piece{{text, args[i : i+2]}}, 1
	}
	if k := strings.IndexByte(text, '='); k > 0 {
		t := types[text[:k]]
		if t == "" || t == tAny {
			t = typeOf(text[k+1:], "")
		}
		w.inner(args[i])
		setLit(args[i], quoteLit(text[:k])+"="+w.mark(t, text[k+1:]))
		return []piece{{text[:k], args[i : i+1]}}, 0
	}
	if m := letterNumber.FindStringSubmatch(text); m != nil && m[1] != "O" {
		setLit(args[i], "-"+m[1]+w.mark(learn.TypeNumber, m[2]))
		return []piece{{"-" + m[1], args[i : i+1]}}, 0
	}
	if m := letterPath.FindStringSubmatch(text); m != nil {
		setLit(args[i], "-"+m[1]+w.mark(learn.TypePath, m[2]))
		return []piece{{"-" + m[1], args[i : i+1]}}, 0
	}
	if bundled[c.program] && letters.MatchString(text) {
		out := unbundle(text)
		if takesNext(c.program, types, text) && i+1 < len(args) {
			w.word(args[i+1], types["-"+text[len(text)-1:]])
			out[len(out)-1].words = append(out[len(out)-1].words, args[i+1])
			took = 1
		}
		return out, took
	}
	if len(text) > 60 || strings.ContainsAny(text, "$ \n") {
		w.word(args[i], learn.TypeString)
		return []piece{{"-", args[i : i+1]}}, 0
	}
	setLit(args[i], quoteLit(text))
	return []piece{{text, args[i : i+1]}}, 0
}

// unbundle splits -rn into -r and -n. "-exec"-like words never come here:
// their programs are not bundled.
func unbundle(text string) []piece {
	var out []piece
	for _, r := range text[1:] {
		word := &syntax.Word{}
		setLit(word, "-"+string(r))
		out = append(out, piece{"-" + string(r), []*syntax.Word{word}})
	}
	return out
}

// innerShell rewrites the command line that a shell is given with -c.
func (w *walker) innerShell(arg *syntax.Word, text string) *syntax.Word {
	if w.depth < maxShells {
		marks, simples := len(w.marks), len(w.simple)
		if skeleton, ok := w.render(text, w.depth+1); ok {
			arg.Parts = []syntax.WordPart{&syntax.SglQuoted{Value: strings.ReplaceAll(skeleton, "'", `"`)}}
			return arg
		}
		w.marks, w.simple = w.marks[:marks], w.simple[:simples]
	}
	w.word(arg, learn.TypeString)
	return arg
}

// quoteLit makes a kept word safe to print as one literal.
func quoteLit(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == markOpen || r == markClose {
			return '?'
		}
		return r
	}, s)
}

// relative reports whether a path is short and inside the working directory:
// then the name of a project's own test runner is worth keeping.
func relative(path string) bool {
	return len(path) <= 60 && !strings.HasPrefix(path, "/") && !strings.ContainsAny(path, "$ ~\n")
}
