package signature

import (
	"strings"
	"testing"

	"lathe/learn"
)

// TestClassesAreOfPatterns: each key of classes.yaml is a pattern or a kind, or
// one with the code or type that it captures, and the classes name both sides of
// what tools call differently.
func TestClassesAreOfPatterns(t *testing.T) {
	a := newAnalyser(t)
	known := map[string]bool{}
	for _, p := range a.lib.patterns {
		known[p.ID], known[p.Kind] = true, true
	}
	for key, class := range a.classes.of {
		pattern := key
		if !known[key] {
			pattern, _, _ = strings.Cut(key, ":")
		}
		if !known[pattern] {
			t.Errorf("class %s: there is no pattern or kind %s", class, key)
		}
		if a.ClassName(class) == "" {
			t.Errorf("class %s has no name", class)
		}
	}
	for _, c := range []struct{ output, class string }{
		{"ModuleNotFoundError: No module named 'shop'", "module-not-found"},
		{"Error [ERR_MODULE_NOT_FOUND]: Cannot find package 'shop' imported from /home/dev/app/a.mjs", "module-not-found"},
		{"a.ts(1,19): error TS2307: Cannot find module 'shop' or its corresponding type declarations.", "module-not-found"},
		{"cat: a.txt: No such file or directory", "file-not-found"},
		{"FileNotFoundError: [Errno 2] No such file or directory: 'a.txt'", "file-not-found"},
		{"m.py:2: error: Name \"total\" is not defined  [name-defined]", "undefined-name"},
		{"m.py:2: error: Argument 1 to \"f\" has incompatible type \"str\"; expected \"int\"  [arg-type]", "type-mismatch"},
		{"a.rb:2:in `f': boom (RuntimeError)", "program-raised"},
		{"the widget failed to turn", ""},
	} {
		sigs := a.Match(failure(c.output, 1), learn.Action{Program: "bash"})
		if len(sigs) == 0 || a.Class(sigs[0]) != c.class {
			t.Errorf("%q is of class %q, want %q", c.output, a.Class(sigs[0]), c.class)
		}
	}
	for _, bad := range []string{"- class: a", "- {class: a, name: b, of: [x]}\n- {class: a, name: b}", "- {class: a, name: b, of: [x]}\n- {class: c, name: d, of: [x]}", "- {class: a, name: b, kinds: [x]}"} {
		if _, err := loadClasses([]byte(bad)); err == nil {
			t.Errorf("%q is taken for classes", bad)
		}
	}
}
