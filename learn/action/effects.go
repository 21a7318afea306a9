package action

import (
	"strings"

	"mvdan.cc/sh/v3/syntax"

	"lathe/learn"
	"lathe/learn/lazyregexp"
)

var (
	pyOpen   = lazyregexp.New(`\bopen\(\s*(?:[rbuf]*['"]([^'"\n]{1,300})['"]|([A-Za-z_]\w*))\s*,\s*(?:mode\s*=\s*)?['"][wax]`)
	pyWrite  = lazyregexp.New(`Path\(\s*['"]([^'"\n]{1,300})['"]\s*\)\.(?:write_text|write_bytes)`)
	jsWrite  = lazyregexp.New(`writeFile(?:Sync)?\(\s*['"]([^'"\n]{1,300})['"]`)
	pyVar    = lazyregexp.New(`(?m)^\s*([A-Za-z_]\w*)\s*=\s*(?:Path\()?['"]([^'"\n]{1,300})['"]`)
	patchTo  = lazyregexp.New(`(?m)^(?:\+\+\+ (?:b/)?([^\t\n]+)|\*\*\* (?:Update|Add|Delete) File: ([^\n]+))`)
	varWrite = lazyregexp.New(`\b([A-Za-z_]\w*)\.(?:write_text|write_bytes)\(`)
)

// observe notes programs and written files, and lets redirections and inline
// programs decide the intent where the program does not: "cat > f" creates.
func (w *walker) observe(c *simple, redirs []*syntax.Redirect) {
	w.programs = append(w.programs, c.program)
	w.words = append(w.words, c.words[min(c.start, len(c.words)):]...)
	w.behindFind(c)
	out, appends, doc := redirected(redirs)
	written := w.written(c)
	if out != "" && writes(c.program) {
		c.intent = learn.IntentCreate
		if appends {
			c.intent = learn.IntentEdit
		}
		c.target = out
	}
	if doc == "" {
		doc = c.flagValue("-c", "-e")
	}
	if inline := inlineWrites(c, doc); len(inline) > 0 && c.intent != learn.IntentTest {
		written = append(written, inline...)
		c.intent, c.target = learn.IntentEdit, inline[0]
	}
	if out != "" {
		written = append(written, out)
	}
	if len(written) > 0 && (c.intent == learn.IntentEdit || c.intent == learn.IntentCreate) && c.target == "" {
		c.target = written[0]
	}
	w.writes = append(w.writes, written...)
}

// behindFind notes the program after find's -exec.
func (w *walker) behindFind(c *simple) {
	for i, word := range c.words {
		if c.program == "find" && (word == "-exec" || word == "-execdir") && i+1 < len(c.words) {
			w.programs = append(w.programs, newSimple(c.words[i+1:]).program)
		}
	}
}

// writes reports whether a program with its output redirected is how a file is
// written, and not only where a report goes.
func writes(program string) bool {
	return program == "cat" || program == "echo" || program == "printf" || program == "tee" || program == ":" || program == "true"
}

// redirected gives the file that the output goes to, whether it is appended,
// and the heredoc or here-string.
func redirected(redirs []*syntax.Redirect) (out string, appends bool, doc string) {
	for _, r := range redirs {
		switch {
		case r.Hdoc != nil:
			doc = heredoc(r)
		case r.Op == syntax.WordHdoc:
			doc = literal(r.Word)
		case r.N != nil && r.N.Value != "1" || r.Word == nil:
		case r.Op == syntax.RdrOut || r.Op == syntax.AppOut || r.Op == syntax.RdrAll || r.Op == syntax.AppAll || r.Op == syntax.RdrClob:
			if file := literal(r.Word); !strings.HasPrefix(file, "/dev/") && !strings.ContainsRune(file, markOpen) {
				out, appends = cut(file, maxValue), r.Op == syntax.AppOut || r.Op == syntax.AppAll
			}
		}
	}
	return out, appends, doc
}

// heredoc is the body of a heredoc; with a quoted delimiter backslashes stand
// for themselves.
func heredoc(r *syntax.Redirect) string {
	if len(r.Word.Parts) == 1 {
		if _, plain := r.Word.Parts[0].(*syntax.Lit); plain {
			return literal(r.Hdoc)
		}
	}
	var b strings.Builder
	for _, p := range r.Hdoc.Parts {
		if lit, ok := p.(*syntax.Lit); ok {
			b.WriteString(lit.Value)
		} else {
			b.WriteString(printNode(p))
		}
	}
	return b.String()
}

// written lists the files that the command itself changes.
func (w *walker) written(c *simple) []string {
	var paths []string
	for _, p := range c.positionals() {
		if !strings.ContainsAny(p.value, "\n") && p.value != "-" && p.value != "/dev/null" {
			paths = append(paths, cut(p.value, maxValue))
		}
	}
	switch name := stem(c.program); {
	case name == "sed" || name == "perl":
		if c.intent != learn.IntentEdit {
			return nil
		}
		if !c.patternGiven() && len(paths) > 0 {
			paths = paths[1:]
		}
		return paths
	case name == "cp" || name == "ln" || name == "rsync":
		if len(paths) > 1 {
			return paths[len(paths)-1:]
		}
	case name == "chmod" || name == "chown":
		if len(paths) > 1 {
			return paths[1:]
		}
	case name == "mv", name == "rm", name == "rmdir", name == "touch", name == "mkdir", name == "tee", name == "truncate", name == "unlink":
		return paths
	case name == "git" && len(c.sub) > 0 && (c.sub[0] == "rm" || c.sub[0] == "mv"):
		return paths
	case name == "git" && len(c.sub) > 0 && (c.sub[0] == "checkout" || c.sub[0] == "restore"):
		var out []string
		for _, p := range c.positionals() {
			if p.kind == learn.TypePath {
				out = append(out, cut(p.value, maxValue))
			}
		}
		return out
	}
	return nil
}

// inlineWrites lists the files that a program given inline, or a patch, writes.
func inlineWrites(c *simple, text string) []string {
	if text == "" {
		return nil
	}
	text = cut(text, 128<<10)
	var out []string
	switch name := stem(c.program); {
	case python.MatchString(name), name == "node":
		vars := map[string]string{}
		for _, m := range pyVar.FindAllStringSubmatch(text, 100) {
			vars[m[1]] = m[2]
		}
		for _, m := range pyOpen.FindAllStringSubmatch(text, 50) {
			out = append(out, m[1], vars[m[2]])
		}
		for _, m := range varWrite.FindAllStringSubmatch(text, 50) {
			out = append(out, vars[m[1]])
		}
		for _, re := range []*lazyregexp.Regexp{pyWrite, jsWrite} {
			for _, m := range re.FindAllStringSubmatch(text, 50) {
				out = append(out, m[1])
			}
		}
	case name == "patch", name == "apply_patch", name == "applypatch", name == "git" && c.intent == learn.IntentEdit:
		for _, m := range patchTo.FindAllStringSubmatch(text, 100) {
			if m[1] != "/dev/null" {
				out = append(out, strings.TrimSpace(m[1]+m[2]))
			}
		}
	}
	return unique(out)
}
