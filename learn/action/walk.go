package action

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"lathe/learn"
)

// maxShells caps shells within shells ("bash -c 'bash -c ...'").
const maxShells = 4

// walker rewrites one syntax tree in place.
type walker struct {
	*shell
	depth  int
	piped  bool // inside a pipeline, not its first command
	nested bool // inside a substitution: programs count, intents do not
}

func (w *walker) stmts(list []*syntax.Stmt) {
	for _, st := range list {
		w.group++
		w.stmt(st)
	}
}

// stmt rewrites one statement with its redirections.
func (w *walker) stmt(st *syntax.Stmt) {
	switch cmd := st.Cmd.(type) {
	case *syntax.CallExpr:
		w.call(cmd, st.Redirs)
	case *syntax.BinaryCmd:
		w.binary(cmd)
	case nil:
	default:
		w.compound(cmd)
	}
	for _, r := range st.Redirs {
		w.redirect(r)
	}
	sortRedirects(st.Redirs)
}

func (w *walker) binary(cmd *syntax.BinaryCmd) {
	if cmd.Op == syntax.Pipe || cmd.Op == syntax.PipeAll {
		was := w.piped
		w.stmt(cmd.X)
		w.piped = true
		w.stmt(cmd.Y)
		w.piped = was
		return
	}
	w.stmt(cmd.X)
	w.group++
	w.stmt(cmd.Y)
}

// compound rewrites the words of loops, conditions and declarations and
// descends into their statements.
func (w *walker) compound(cmd syntax.Command) {
	syntax.Walk(cmd, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.Stmt:
			w.group++
			w.stmt(n)
			return false
		case *syntax.Word:
			w.word(n, typeOf(literal(n), ""))
			return false
		case *syntax.Assign:
			w.assign(n)
			return false
		}
		return true
	})
}

// word replaces a word by a placeholder. A word that is one command
// substitution keeps its shape.
func (w *walker) word(word *syntax.Word, t learn.PlaceholderType) {
	if sub := substitution(word); sub != nil {
		w.substitute(sub)
		return
	}
	w.inner(word)
	setLit(word, w.mark(t, source(word)))
}

// substitute rewrites the statements of a substitution.
func (w *walker) substitute(list []*syntax.Stmt) {
	was := w.nested
	w.nested = true
	w.stmts(list)
	w.nested = was
}

// inner notes the programs that substitutions inside a word run. It works on
// a copy, since the word's own text becomes the placeholder's value.
func (w *walker) inner(word *syntax.Word) {
	lists := [][]*syntax.Stmt{}
	syntax.Walk(word, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.CmdSubst:
			lists = append(lists, n.Stmts)
		case *syntax.ProcSubst:
			lists = append(lists, n.Stmts)
		}
		return true
	})
	for _, list := range lists {
		for _, st := range list {
			syntax.Walk(st, func(n syntax.Node) bool {
				if call, ok := n.(*syntax.CallExpr); ok && len(call.Args) > 0 {
					w.programs = append(w.programs, newSimple(literals(call.Args)).program)
				}
				return true
			})
		}
	}
}

func (w *walker) assign(a *syntax.Assign) {
	if a.Value != nil {
		w.word(a.Value, typeOf(literal(a.Value), ""))
	}
	if a.Array != nil {
		for _, el := range a.Array.Elems {
			if el.Value != nil {
				w.word(el.Value, typeOf(literal(el.Value), ""))
			}
		}
	}
}

// redirect turns the file of a redirection and the body of a heredoc into
// placeholders; descriptors and /dev/null stay.
func (w *walker) redirect(r *syntax.Redirect) {
	if r.Hdoc != nil {
		body := heredoc(r)
		w.inner(r.Hdoc)
		r.Hdoc.Parts = []syntax.WordPart{&syntax.Lit{Value: w.mark(learn.TypeString, body) + "\n"}}
		setLit(r.Word, "EOF")
		return
	}
	if r.Word == nil {
		return
	}
	target := literal(r.Word)
	if strings.HasPrefix(target, "/dev/") || r.Op == syntax.DplOut || r.Op == syntax.DplIn {
		return
	}
	t := learn.TypePath
	if r.Op == syntax.WordHdoc {
		t = learn.TypeString
	}
	w.word(r.Word, t)
}

// sortRedirects puts heredocs last: "cat <<EOF > f" and "cat > f <<EOF" are one.
func sortRedirects(list []*syntax.Redirect) {
	var plain, docs []*syntax.Redirect
	for _, r := range list {
		if r.Hdoc != nil {
			docs = append(docs, r)
		} else {
			plain = append(plain, r)
		}
	}
	copy(list, append(plain, docs...))
}
