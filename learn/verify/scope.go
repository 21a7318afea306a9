package verify

import (
	"path"
	"sort"
	"strings"

	"lathe/learn"
)

// check is a verification, when it was made, and of what.
type check struct {
	learn.Verification
	Order int
	// Scope is what was tested: the runner and its targets. Runs of equal scope
	// replace each other.
	Scope   string
	Targets []string
	// Own says that everything tested was written by the task itself.
	Own bool
	// Aside says that the task's changes were not in the work tree then.
	Aside bool
}

const maxTargets = 16

// newCheck finds out what a verification was about.
func (tk *task) newCheck(v learn.Verification, invs []invocation) check {
	c := check{Verification: v, Order: tk.Order}
	own, any := true, false
	var words []string
	for i := range invs {
		inv := &invs[i]
		if !runsTests(inv) && !tk.isOwn(inv.program) {
			continue
		}
		any = true
		words = append(words, inv.program)
		targets := inv.targets()
		if tk.isOwn(inv.program) { // a script of the task's that runs tests itself
			targets = []string{inv.program}
		}
		if len(targets) == 0 {
			own = false
		}
		for _, t := range targets {
			own = own && tk.isOwn(t)
		}
		c.Targets = append(c.Targets, targets...)
	}
	c.Own = any && own
	sort.Strings(c.Targets)
	if len(c.Targets) > maxTargets {
		c.Targets = c.Targets[:maxTargets]
	}
	c.Scope = cut(v.Tool+" "+strings.Join(words, " ")+" "+strings.Join(c.Targets, " "), maxName)
	return c
}

// runsTests reports whether a program is a test runner or may run one.
func runsTests(inv *invocation) bool {
	for i := range table.tests {
		if table.tests[i].runs(inv) {
			return true
		}
	}
	return delegates(inv, learn.Action{}) != nil
}

// targets are the arguments that say what to test: paths, packages, labels;
// not flags and what stands behind those that take a word.
func (inv *invocation) targets() []string {
	var out []string
	for i := 0; i < len(inv.args); i++ {
		a := inv.args[i]
		switch {
		case oneOf("-k", "-m", "-n", "-p", "-c", "-t", "-o", "-j", "-W", "-s", "-v", "-R", "--tb", "--settings", "--parallel", "-count", "-run", "-timeout", "--maxfail", "--cov", "-C", "--test-dir")(a):
			if i+1 < len(inv.args) && takesWord(a, inv.args[i+1]) {
				i++
			}
		case a == "" || isFlag(a) || strings.Contains(a, "="):
		case oneOf("test", "run", "t", "nextest", "check", "verify", "discover")(a) && len(out) == 0:
		case len(out) < maxTargets:
			file, _, _ := strings.Cut(a, "::")
			out = append(out, strings.TrimSuffix(strings.TrimSuffix(strings.TrimPrefix(cut(file, 200), "./"), "/..."), "/"))
		}
	}
	return out
}

// takesWord tells "-n 4" and "-k name" from flags that some runners use alone:
// "-s tests", "-v tests".
func takesWord(flag, word string) bool {
	switch flag {
	case "-s", "-v":
		return strings.Trim(word, "0123456789") == ""
	}
	return !isFlag(word)
}

// isOwn reports whether a target is a file that the task itself made.
func (tk *task) isOwn(target string) bool {
	for made := range tk.Created {
		if sameFile(made, target) {
			return true
		}
	}
	return false
}

// isChanged reports whether a target is a test file that the task edited, and
// did not take back since.
func (tk *task) isChanged(target string) bool {
	for file, e := range tk.Files {
		if !e.Clean && !tk.Created[file] && isTestFile(file) && sameFile(file, target) {
			return true
		}
	}
	return false
}

// sameFile compares a file with a target, which may be a path of it, shorter
// at the front, or its dotted name, perhaps with a class behind.
func sameFile(file, target string) bool {
	if target == "" {
		return false
	}
	if path.Base(file) == target || strings.HasSuffix(file, "/"+target) || strings.HasSuffix(target, "/"+file) || file == target {
		return true
	}
	if strings.Contains(target, "/") {
		return false
	}
	dotted := "." + strings.ReplaceAll(strings.TrimSuffix(file, path.Ext(file)), "/", ".") + "."
	return strings.Contains(dotted, "."+target+".") && strings.Contains(target, ".") || strings.Contains("."+target+".", dotted)
}

// isTestFile tells a test by its place or name.
func isTestFile(file string) bool {
	base := strings.ToLower(path.Base(file))
	stem := strings.TrimSuffix(base, path.Ext(base))
	for _, dir := range strings.Split(strings.ToLower(path.Dir(file)), "/") {
		if dir == "tests" || dir == "test" || dir == "spec" || dir == "__tests__" || dir == "testing" {
			return true
		}
	}
	return strings.HasPrefix(stem, "test_") || strings.HasSuffix(stem, "_test") || strings.HasSuffix(stem, "_spec") ||
		strings.HasSuffix(stem, ".test") || strings.HasSuffix(stem, ".spec") || strings.HasSuffix(stem, "test") && path.Ext(base) == ".java" || stem == "tests"
}

// related is false when the task edited source files, and none of them is in a
// language that the tool tests: whatever else a run may touch does not show in
// names.
func (tk *task) related(c check) bool {
	exts := toolLanguages(c.Tool)
	if exts == nil || tk.OtherEdit.Order > 0 {
		return true
	}
	known := false
	for file := range tk.Files {
		ext := strings.ToLower(path.Ext(file))
		if !isProgram(ext) {
			continue
		}
		if known = true; oneOf(exts...)(ext) {
			return true
		}
	}
	return !known
}

// toolLanguages are the extensions of the source files that a test runner's
// tests usually exercise, or nil for runners of any language.
func toolLanguages(tool string) []string {
	switch tool {
	case "pytest", "unittest", "django", "nose", "nose2", "tox":
		return []string{".py", ".pyx", ".pyi", ".c", ".cc", ".cpp", ".h", ".rs", ".html"}
	case "go test", "gotestsum":
		return []string{".go", ".c", ".h", ".s", ".html"}
	case "jest", "vitest", "mocha", "node:test":
		return []string{".js", ".mjs", ".cjs", ".ts", ".tsx", ".jsx", ".vue", ".svelte", ".html", ".css"}
	case "cargo test", "nextest":
		return []string{".rs", ".c", ".h"}
	case "maven", "gradle", "junit":
		return []string{".java", ".kt", ".scala", ".groovy", ".html"}
	case "rspec", "minitest":
		return []string{".rb", ".erb", ".html", ".c", ".h"}
	case "phpunit":
		return []string{".php", ".html"}
	}
	return nil
}

// isProgram reports whether an extension is that of a programming language.
func isProgram(ext string) bool {
	return oneOf(".py", ".pyx", ".js", ".mjs", ".cjs", ".ts", ".tsx", ".jsx", ".vue", ".svelte", ".go", ".rs", ".java", ".kt", ".scala", ".groovy",
		".c", ".cc", ".cpp", ".h", ".hpp", ".cs", ".rb", ".php", ".swift")(ext)
}
