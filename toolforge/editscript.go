package toolforge

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"lathe/learn/lazyregexp"

	"mvdan.cc/sh/v3/syntax"
)

// editScript is a Python program that an agent wrote into its command to change
// one file: what replace_in_file does with the two texts alone.
type editScript struct {
	File    string // where the program was written; "" when Python read it from its input
	Target  string // the file that it changes; "" when they are several
	Ran     bool   // the same command runs it
	Changes int    // places where it changes something, at least 1
	Text    int64  // tokens of the program
	Lines   int    // of the longest text in it
	Needed  int64  // tokens of the texts in it that a tool would be given as well
}

// maxProgram bounds the commands in which programs are looked for.
const maxProgram = 32 << 10 // bytes

// editScriptOf finds the program that a command holds as a here-document and
// says whether it is there to change one file.
func editScriptOf(command string) (editScript, bool) {
	if len(command) > maxProgram || !strings.Contains(command, "<<") {
		return editScript{}, false
	}
	file, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(command), "")
	if err != nil {
		return editScript{}, false
	}
	e, body := editScript{}, ""
	documents := 0
	syntax.Walk(file, func(n syntax.Node) bool {
		st, ok := n.(*syntax.Stmt)
		if !ok {
			return true
		}
		for _, r := range st.Redirs {
			if r.Hdoc == nil {
				continue
			}
			documents++
			body = command[r.Hdoc.Pos().Offset():r.Hdoc.End().Offset()]
			e.File, e.Ran = programFile(st)
		}
		return true
	})
	if documents != 1 || e.File == "" && !e.Ran || !e.read(body) {
		return editScript{}, false
	}
	e.Ran = e.Ran || runsPython(file, e.File)
	return e, true
}

// programFile is the Python file that a statement with a here-document writes,
// or that Python reads the document itself.
func programFile(st *syntax.Stmt) (name string, ran bool) {
	call, ok := st.Cmd.(*syntax.CallExpr)
	if !ok || len(call.Args) == 0 {
		return "", false
	}
	program := path.Base(call.Args[0].Lit())
	for _, r := range st.Redirs {
		if r.Op == syntax.RdrOut && program == "cat" && path.Ext(r.Word.Lit()) == ".py" {
			return r.Word.Lit(), false
		}
	}
	return "", strings.HasPrefix(program, "python") && (len(call.Args) == 1 || call.Args[1].Lit() == "-")
}

// runsPython reports whether a command runs a Python file.
func runsPython(file *syntax.File, name string) bool {
	runs := false
	syntax.Walk(file, func(n syntax.Node) bool {
		if call, ok := n.(*syntax.CallExpr); ok && len(call.Args) > 1 && strings.HasPrefix(path.Base(call.Args[0].Lit()), "python") {
			runs = runs || slices.ContainsFunc(call.Args[1:], func(w *syntax.Word) bool { return samePathName(w.Lit(), name) })
		}
		return true
	})
	return runs
}

var (
	importOf    = lazyregexp.New(`(?m)^[ \t]*(?:from[ \t]+([\w.]+)|import[ \t]+([\w., \t]+))`)
	fileName    = lazyregexp.New(`^[\w./+-]*[\w+-]\.[A-Za-z]\w{0,7}$`)
	readsFile   = lazyregexp.New(`\.(?:read|readlines|read_text|splitlines)\(|list\(\w+\)`)
	writesFile  = lazyregexp.New(`\.write_text\(|\.writelines\(|\.write\(`)
	opensFile   = lazyregexp.New(`open\(|Path\(`)
	runsOther   = lazyregexp.New(`\bos\.(?:system|popen|exec|spawn|remove|unlink)|\bexec\(|\beval\(`)
	changesText = lazyregexp.New(`(?m)\.replace\(|\bre\.subn?\(|\.insert\(|^[ \t]*\w+\[[^\]\n]*\][ \t]*=[^=]|^[ \t]*del \w+\[`)
	saysText    = lazyregexp.New(`(?:print|exit|Error|Exception)\(\s*[rRbBfFuU]*"([0-9]+)"`)
)

// editModules are what a program needs to change a file; another one is there
// to run something.
var editModules = []string{"sys", "os", "re", "pathlib", "io", "textwrap", "shutil", "typing", "__future__"}

// read says what a program does, from its text alone.
func (e *editScript) read(body string) bool {
	literals, code, ok := pythonLiterals(body)
	if !ok || !opensFile.MatchString(code) || !readsFile.MatchString(code) || !writesFile.MatchString(code) || runsOther.MatchString(code) {
		return false
	}
	for _, m := range importOf.FindAllStringSubmatch(code, -1) {
		for module := range strings.FieldsFuncSeq(m[1]+m[2], func(r rune) bool { return r == ',' || r == ' ' || r == '\t' }) {
			top, _, _ := strings.Cut(module, ".")
			if top == "as" {
				break
			}
			if !slices.Contains(editModules, top) {
				return false
			}
		}
	}
	said := map[int]bool{}
	for _, m := range saysText.FindAllStringSubmatch(code, -1) {
		said[atoi(m[1])] = true
	}
	targets := map[string]bool{}
	for i, text := range literals {
		switch {
		case said[i]:
		case fileName.MatchString(text):
			targets[text] = true
			e.Target = text
		default:
			e.Needed += tokensOf(text) + 2 // quoted
			e.Lines = max(e.Lines, 1+strings.Count(strings.Trim(text, "\n"), "\n"))
		}
	}
	if len(targets) != 1 {
		e.Target = ""
	}
	e.Text = tokensOf(body)
	e.Changes = max(len(changesText.FindAllString(code, -1)), 1)
	return len(targets) > 0
}

// pythonLiterals takes the strings out of a Python program: code has "N" in
// place of the Nth, and no comments. ok is false when a string does not end.
func pythonLiterals(src string) (literals []string, code string, ok bool) {
	var b strings.Builder
	for i := 0; i < len(src); {
		switch c := src[i]; c {
		case '#':
			for i < len(src) && src[i] != '\n' {
				i++
			}
		case '"', '\'':
			text, next := pythonString(src, i)
			if next < 0 {
				return nil, "", false
			}
			b.WriteString(`"` + strconv.Itoa(len(literals)) + `"`)
			literals = append(literals, text)
			i = next
		default:
			b.WriteByte(c)
			i++
		}
	}
	return literals, b.String(), true
}

// pythonString reads the string that begins at i, and returns where it ended;
// -1 when it does not end.
func pythonString(src string, i int) (text string, next int) {
	quote := src[i : i+1]
	if triple := strings.Repeat(quote, 3); strings.HasPrefix(src[i:], triple) {
		quote = triple
	}
	for start, j := i+len(quote), i+len(quote); j < len(src); j++ {
		switch {
		case src[j] == '\\':
			j++
		case src[j] == '\n' && len(quote) == 1:
			return "", -1
		case strings.HasPrefix(src[j:], quote):
			return src[start:j], j + len(quote)
		}
	}
	return "", -1
}

// saving is what the program cost beyond the change itself; shown is what the
// tool would print.
func (e editScript) saving(shown int64) (saving, bool) {
	const what = "a program that need not be written for one change"
	switch tokens := e.Text - e.Needed - foldArguments - tokensOf(e.Target) - shown; {
	case e.Target == "":
		return saving{op: opReplace, what: "the program changes several files", miss: true}, true
	case e.Changes > 1:
		return saving{op: opReplace, what: "the program changes several places", miss: true}, true
	case tokens > 0:
		return saving{op: opReplace, what: what, tokens: tokens}, true
	}
	return saving{}, false
}

// counts reports whether one call of a tool could have stood for the program.
func (e editScript) counts() bool { return e.Target != "" && e.Changes == 1 }

// followed is what a call behind the program cost that runs or removes it.
func (e editScript) followed(b *use) (saving, bool) {
	switch {
	case e.File == "" || !e.counts():
		return saving{}, false
	case b.Step == "run" && !e.Ran && namesWord(b.Command, e.File):
		return saving{op: opReplace, what: "a program that need not be run for one change", calls: 1, tokens: b.Written + b.Printed}, true
	case b.Step == "remove" && removes(b.Command, e.File):
		return saving{op: opReplace, what: "a program that need not be removed", calls: 1, tokens: b.Written + b.Printed}, true
	}
	return saving{}, false
}

func namesWord(command, name string) bool {
	return slices.ContainsFunc(strings.Fields(command), func(w string) bool { return samePathName(w, name) })
}

// removes reports whether a command removes one file and does nothing else.
func removes(command, name string) bool {
	words := slices.DeleteFunc(strings.Fields(command), func(w string) bool { return strings.HasPrefix(w, "-") })
	return len(words) == 2 && words[0] == "rm" && samePathName(words[1], name)
}

// scriptUse is a command with a program that changes a file as a use.
func scriptUse(command string) (use, bool) {
	e, ok := editScriptOf(command)
	if !ok {
		return use{}, false
	}
	u := use{Op: opReplace, Script: &e}
	if e.Target != "" {
		u.Paths = []string{e.Target}
	}
	return u, true
}

// behind is what the next call is compared with: a program that was run stays
// the change that it made.
func behind(before, u *use) *use {
	if before == nil || before.Script == nil || u.Op != opSnippet || u.Step == "write" || !namesWord(u.Command, before.Script.File) {
		return u
	}
	kept := *before
	script := *before.Script
	script.Ran = true
	kept.Script = &script
	return &kept
}
