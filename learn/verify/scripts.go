package verify

import (
	"path"
	"strings"

	"lathe/learn"
	"lathe/learn/lazyregexp"
)

var (
	scriptOpen  = lazyregexp.New(`\bopen\(\s*(?:[rbuf]*['"]([^'"\n]{1,300})['"]|([A-Za-z_][\w.]*))\s*,\s*(?:mode\s*=\s*)?\\?['"][wax]`)
	scriptWrite = lazyregexp.New(`(?:Path\(\s*\\?['"]([^'"\n\\]{1,300})\\?['"]\s*\)|\b([A-Za-z_]\w*))\.write_(?:text|bytes)\(`)
	scriptNode  = lazyregexp.New(`writeFile(?:Sync)?\(\s*(?:\\?['"]([^'"\n\\]{1,300})\\?['"]|([A-Za-z_]\w*))`)
	scriptVars  = lazyregexp.New(`\b([A-Za-z_]\w*)\s*=\s*(?:Path\()?\\?['"]([^'"\n\\]{1,300})\\?['"]`)
)

const (
	maxScript  = 64 << 10 // bytes of a script that are searched for what it writes
	maxScripts = 32       // scripts remembered per task
)

// scriptWrites lists the source files that a script's text writes when it is
// run. A file that only a variable names is "" unless the text says which.
func scriptWrites(text string) []string {
	text = cut(text, maxScript)
	var vars map[string]string
	var out []string
	for _, re := range []*lazyregexp.Regexp{scriptOpen, scriptWrite, scriptNode} {
		for _, m := range re.FindAllStringSubmatch(text, 20) {
			file := m[1]
			if file == "" {
				if vars == nil {
					vars = make(map[string]string)
					for _, v := range scriptVars.FindAllStringSubmatch(text, 100) {
						vars[v[1]] = v[2]
					}
				}
				file = vars[m[2]]
			}
			if file == "" || isSource(file) && isCode(file) {
				out = append(out, file)
			}
		}
	}
	return out
}

// scriptMade remembers what a script that the task just made would change.
func (tk *task) scriptMade(ev *learn.ActionOutcome, act *learn.Action) {
	text := act.Command
	if text == "" {
		text = string(ev.ToolParameters)
	}
	for _, file := range act.Writes {
		if !isSource(file) || len(tk.Scripts) >= maxScripts {
			continue
		}
		var changes []string
		for _, w := range scriptWrites(text) {
			if w != file {
				changes = append(changes, cut(w, maxName))
			}
		}
		if len(changes) == 0 {
			delete(tk.Scripts, path.Base(file))
			continue
		}
		if tk.Scripts == nil {
			tk.Scripts = make(map[string][]string)
		}
		tk.Scripts[path.Base(file)] = changes[:min(len(changes), 8)]
	}
}

// scriptRun notes as edits what the scripts change that invs run.
func (tk *task) scriptRun(invs []invocation, now edit) {
	for i := range invs {
		name := invs[i].program
		if name == "" || tk.Scripts[name] == nil {
			continue
		}
		for _, file := range tk.Scripts[name] {
			if file == "" {
				tk.OtherEdit = now
				continue
			}
			tk.wrote(file, now, false)
		}
	}
}

// isSource tells by its name whether a file is source code or configuration.
func isSource(file string) bool {
	switch strings.ToLower(path.Ext(file)) {
	case ".py", ".pyx", ".pyi", ".js", ".mjs", ".cjs", ".ts", ".tsx", ".jsx", ".vue", ".svelte", ".go", ".rs", ".java", ".kt", ".scala",
		".c", ".cc", ".cpp", ".cxx", ".h", ".hpp", ".cs", ".rb", ".php", ".pl", ".pm", ".sh", ".swift", ".ex", ".exs", ".hs", ".ml",
		".toml", ".cfg", ".ini", ".yml", ".yaml", ".json", ".xml", ".sql", ".html", ".css", ".proto", ".gradle":
		return true
	}
	return false
}
