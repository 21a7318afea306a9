package action

import (
	"strings"

	"lathe/learn"
	"lathe/learn/lazyregexp"
)

// simple is one simple command: a program with its arguments.
type simple struct {
	words   []string     // literal words, wrappers included
	start   int          // index of the word that names the program
	program string       // its name: base name, module of python -m, known script
	sub     []string     // subcommands, kept in the skeleton
	subEnd  int          // index of the first word after the program's own name
	keep    map[int]bool // indexes of the words that name program and subcommands
	inner   int          // index of the string that a shell runs with -c, or 0
	intent  learn.Intent
	target  string
	group   int
	piped   bool
	nested  bool
}

var (
	assignment = lazyregexp.New(`^[A-Za-z_][A-Za-z0-9_]*\+?=`)
	python     = lazyregexp.New(`^(python|pypy)[0-9.]*$`)
	subWord    = lazyregexp.New(`^[A-Za-z][A-Za-z0-9_:.-]{0,40}$`)
	versioned  = lazyregexp.New(`^(pip|gcc|g\+\+|clang|clang\+\+|node|go|ruby|php|java|javac|python|pypy)-?[0-9][0-9.]*$`)
)

// scripts are files whose name says what they are for.
var scripts = set("runtests.py", "manage.py", "setup.py", "runtest.py", "run_tests.py", "run-tests.py")

// newSimple finds the program behind wrappers and what it is for.
func newSimple(words []string) simple {
	c := simple{words: words, keep: map[int]bool{}}
	c.start = peel(words)
	if c.start >= len(words) {
		c.start = 0
		if len(words) == 0 {
			c.intent = learn.IntentOther
			return c
		}
	}
	c.program = programName(words[c.start])
	c.subEnd, c.keep[c.start] = c.start+1, true
	switch {
	case python.MatchString(c.program):
		c.python()
	case shells[c.program]:
		c.shell()
	case c.program == "su":
		c.flagString("-c")
	}
	c.subcommands()
	c.intent = c.classify()
	c.target = c.findTarget()
	return c
}

// programName is the name of the program that a word runs.
func programName(word string) string {
	name := pathBase(strings.TrimSuffix(word, "/"))
	if name == "" || len(name) > 100 {
		return cut(word, 100)
	}
	return name
}

// peel skips assignments and wrappers; it gives the index of the program's
// word. A wrapper with nothing to run is itself the program.
func peel(words []string) int {
	i := 0
	for i < len(words) {
		for i < len(words) && assignment.MatchString(words[i]) {
			i++
		}
		if i >= len(words) {
			break
		}
		w, ok := wrappers[pathBase(words[i])]
		if !ok {
			return i
		}
		next := skipWrapper(words, i, w)
		if next < 0 || next >= len(words) {
			return i
		}
		i = next
	}
	return i
}

// skipWrapper gives the index of what a wrapper runs, -1 when it does not wrap.
func skipWrapper(words []string, i int, w wrapper) int {
	i++
	if w.sub != nil {
		if i >= len(words) || !w.sub[words[i]] {
			return -1
		}
		i++
	}
	left := w.positional
	for ; i < len(words); i++ {
		word := words[i]
		switch {
		case word == "--":
			if left == 0 {
				return i + 1
			}
		case w.valued[word]:
			i++
		case strings.HasPrefix(word, "-") && len(word) > 1:
			if word == "-m" { // coverage run -m pytest
				return i + 1
			}
		case w.assigns && assignment.MatchString(word):
		case left > 0:
			left--
		default:
			return i
		}
	}
	return -1
}

// python finds the module or script that a Python interpreter runs.
func (c *simple) python() {
	for i := c.start + 1; i < len(c.words); i++ {
		word := c.words[i]
		switch {
		case word == "-m" && i+1 < len(c.words):
			c.program = c.words[i+1]
			if k := strings.IndexByte(c.program, '.'); k > 0 && known(c.program[:k]) && !known(c.program) {
				c.program = c.program[:k]
			}
			c.subEnd, c.keep[i+1] = i+2, true
			return
		case word == "-c" || word == "-":
			return
		case word == "-W" || word == "-X":
			i++
		case strings.HasPrefix(word, "-"):
		default:
			if scripts[pathBase(word)] || strings.HasSuffix(word, "bin/test") {
				c.program = pathBase(word)
				c.subEnd, c.keep[i] = i+1, true
			}
			return
		}
	}
}

// shell finds the string after -c (or -lc, -ec).
func (c *simple) shell() {
	for i := c.start + 1; i+1 < len(c.words); i++ {
		word := c.words[i]
		if !strings.HasPrefix(word, "-") {
			return
		}
		if !strings.HasPrefix(word, "--") && strings.HasSuffix(word, "c") {
			c.inner = i + 1
			return
		}
	}
}

func (c *simple) flagString(flag string) {
	for i := c.start + 1; i+1 < len(c.words); i++ {
		if c.words[i] == flag {
			c.inner = i + 1
			return
		}
	}
}

// subcommands collects the words that the skeleton keeps after the program.
func (c *simple) subcommands() {
	name := stem(c.program)
	if !hasSub[name] {
		return
	}
	for i := c.subEnd; i < len(c.words); i++ {
		word := c.words[i]
		if strings.HasPrefix(word, "-") {
			if valueFlags[name][word] != "" {
				i++
			}
			continue
		}
		if !subWord.MatchString(word) || name == "tox" || name == "make" && strings.Contains(word, ".") {
			return
		}
		c.sub = append(c.sub, word)
		c.keep[i] = true
		if len(c.sub) == 2 || !twoSubs[name][word] {
			return
		}
	}
}

// stem drops the version of an interpreter's or manager's name: pip3.11 is pip.
func stem(program string) string {
	if versioned.MatchString(program) {
		return strings.TrimRight(program, "0123456789.-")
	}
	if program == "pip3" {
		return "pip"
	}
	return program
}

// rank orders the simple commands of a line by how much they say of its aim.
func (c simple) rank() int {
	switch {
	case c.nested:
		return 0
	case c.intent == learn.IntentOther && quiet[c.program]:
		return 1
	case c.piped && filters[c.program] && c.intent == learn.IntentRead:
		return 1
	}
	switch c.intent {
	case learn.IntentSubmit:
		return 10
	case learn.IntentTest:
		return 9
	case learn.IntentBuild, learn.IntentInstall, learn.IntentLint, learn.IntentTypecheck, learn.IntentFormat:
		return 8
	case learn.IntentRun:
		return 7
	case learn.IntentEdit, learn.IntentCreate, learn.IntentDelete, learn.IntentVCS, learn.IntentNetwork:
		return 6
	case learn.IntentSearch:
		return 5
	case learn.IntentRead:
		return 4
	case learn.IntentList:
		return 3
	}
	return 2
}
