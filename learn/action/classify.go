package action

import (
	"strings"

	"lathe/learn"
	"lathe/learn/lazyregexp"
)

var (
	testFile   = lazyregexp.New(`(^|/)(test_[\w.-]*|[\w.-]*_test|[\w.-]*\.(test|spec))\.[a-z]{1,4}$|(^|/)runtests?\.[a-z]{1,4}$`)
	submitEcho = lazyregexp.New(`\b[A-Z_]*(SUBMIT|FINAL_OUTPUT|COMPLETE_TASK)[A-Z_]*\b`)
)

// classify says what a simple command is for.
func (c *simple) classify() learn.Intent {
	name := stem(c.program)
	switch name {
	case "sed", "perl", "ruby":
		if c.hasShort('i') || c.hasFlag("--in-place") {
			return learn.IntentEdit
		}
	case "find":
		return c.classifyFind()
	case "echo":
		if submitEcho.MatchString(strings.Join(c.words[c.start:], " ")) {
			return learn.IntentSubmit
		}
	case "ruff", "black", "isort", "prettier":
		if c.hasFlag("--check") || c.hasFlag("--check-only") || c.hasFlag("--diff") {
			return learn.IntentLint
		}
	case "git":
		return c.classifyGit()
	case "curl", "wget", "tee":
	case "tar", "unzip":
		if name == "tar" && c.hasShort('t') {
			return learn.IntentList
		}
	}
	if intent, ok := c.subIntent(name); ok {
		return intent
	}
	if strings.HasSuffix(strings.Join(c.words[c.start:min(c.start+2, len(c.words))], " "), "bin/test") {
		return learn.IntentTest
	}
	if intent, ok := programIntent[name]; ok {
		if intent == learn.IntentRun && c.runsTests() {
			return learn.IntentTest
		}
		return intent
	}
	return c.classifyPath()
}

// subIntent decides by subcommand: its own table, the managers' and words like
// "test" and "lint" in a script's or target's name.
func (c *simple) subIntent(name string) (learn.Intent, bool) {
	if len(c.sub) == 0 {
		return "", false
	}
	first, last := c.sub[0], c.sub[len(c.sub)-1]
	if intent, ok := subIntent[name][first]; ok {
		return intent, true
	}
	base, isKnown := programIntent[name]
	switch {
	case name == "make" || name == "gmake" || name == "ninja" || first == "run" || first == "run-script" || last != first:
		if intent, ok := byWord(last); ok {
			return intent, true
		}
		if first == "run" || first == "run-script" {
			return learn.IntentRun, true
		}
	case isKnown && base == learn.IntentInstall:
		if intent, ok := managerIntent[first]; ok {
			return intent, true
		}
		if intent, ok := byWord(first); ok && (name == "yarn" || name == "pnpm" || name == "bun") {
			return intent, true
		}
	case name == "make":
	}
	return "", false
}

// byWord reads a script's or make target's name.
func byWord(name string) (learn.Intent, bool) {
	for _, w := range strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return strings.ContainsRune(":-_./", r) }) {
		switch w {
		case "test", "tests", "check", "unit", "e2e", "spec", "coverage", "jest", "vitest", "mocha":
			return learn.IntentTest, true
		case "lint", "eslint", "vet", "flake8":
			return learn.IntentLint, true
		case "fmt", "format", "prettier":
			return learn.IntentFormat, true
		case "typecheck", "types", "tsc", "mypy":
			return learn.IntentTypecheck, true
		case "build", "compile", "all", "bundle", "dist", "html", "docs":
			return learn.IntentBuild, true
		case "install", "deps", "setup", "bootstrap":
			return learn.IntentInstall, true
		case "clean", "distclean":
			return learn.IntentDelete, true
		case "list":
			return learn.IntentList, true
		}
	}
	return "", false
}

func (c *simple) classifyFind() learn.Intent {
	intent := learn.IntentList
	for i, w := range c.words[c.start+1:] {
		switch w {
		case "-delete":
			return learn.IntentDelete
		case "-exec", "-execdir", "-ok":
			if rest := c.words[c.start+1+i+1:]; len(rest) > 0 {
				return newSimple(rest).intent
			}
		case "-name", "-iname", "-path", "-ipath", "-wholename", "-regex", "-iregex":
			intent = learn.IntentSearch
		}
	}
	return intent
}

func (c *simple) classifyGit() learn.Intent {
	if len(c.sub) > 0 {
		if intent, ok := subIntent["git"][c.sub[0]]; ok {
			return intent
		}
	}
	return learn.IntentVCS
}

// runsTests reports whether an interpreter is given a test file.
func (c *simple) runsTests() bool {
	if !python.MatchString(c.program) && c.program != "node" && c.program != "ts-node" && c.program != "tsx" {
		return false
	}
	for _, w := range c.words[c.start+1:] {
		if w == "--test" {
			return true
		}
		if !strings.HasPrefix(w, "-") {
			return testFile.MatchString(w)
		}
	}
	return false
}

// classifyPath decides for programs that no table knows.
func (c *simple) classifyPath() learn.Intent {
	word := c.words[c.start]
	switch {
	case quiet[c.program] && !strings.Contains(word, "/"):
		return learn.IntentOther
	case testFile.MatchString(word):
		return learn.IntentTest
	case strings.Contains(word, "/") || strings.HasSuffix(word, ".sh") || strings.HasSuffix(word, ".py"):
		if intent, ok := byWord(strings.TrimSuffix(c.program, ".sh")); ok {
			return intent
		}
		return learn.IntentRun
	}
	return learn.IntentOther
}

// hasShort reports a letter among the short flags: -i, -ni, -i.bak.
func (c *simple) hasShort(letter byte) bool {
	for _, w := range c.words[min(c.start+1, len(c.words)):] {
		if len(w) < 2 || w[0] != '-' || w[1] == '-' {
			continue
		}
		for i := 1; i < len(w) && (w[i] >= 'a' && w[i] <= 'z' || w[i] >= 'A' && w[i] <= 'Z'); i++ {
			if w[i] == letter {
				return true
			}
			if w[i] == 'e' || w[i] == 'f' || w[i] == 'I' || w[i] == 'M' { // takes the rest
				break
			}
		}
	}
	return false
}

func (c *simple) hasFlag(flag string) bool {
	for _, w := range c.words {
		if w == flag || strings.HasPrefix(w, flag+"=") {
			return true
		}
	}
	return false
}
