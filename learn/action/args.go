package action

import (
	"net/url"
	"strings"

	"lathe/learn"
	"lathe/learn/lazyregexp"
)

var (
	number    = lazyregexp.New(`^[+-]?\d+(\.\d+)?[kKmMgGsh%]?$`)
	extension = lazyregexp.New(`^[^\s=:(){}'"]*[\w-]\.[A-Za-z][A-Za-z0-9_]{0,9}(::[\w\[\]:.,-]+|:\d+)?$`)
	refShape  = lazyregexp.New(`^(HEAD|FETCH_HEAD|ORIG_HEAD|stash)\b|^[0-9a-f]{7,40}([~^].*)?$|\.\.|^(origin|upstream)(/|$)|^(main|master|develop)$`)
	scpURL    = lazyregexp.New(`^[\w.-]+@[\w.-]+:`)
)

// pathPrograms take paths where nothing else is said.
var pathPrograms = set("cat", "ls", "cd", "rm", "rmdir", "mkdir", "cp", "mv", "touch", "head", "tail", "less", "more", "nl",
	"wc", "tree", "du", "stat", "file", "diff", "cmp", "source", ".", "ln", "realpath", "readlink", "basename", "dirname",
	"tee", "pushd", "od", "xxd", "strings", "sort", "uniq", "find", "tar", "unzip", "zip", "gzip", "gunzip", "bat",
	"pytest", "flake8", "mypy", "black", "isort", "pylint", "ruff", "gofmt", "node", "python", "python3", "shellcheck", "patch",
	"eslint", "prettier", "javac", "gcc", "g++", "rustc", "bash", "sh", "md5sum", "sha256sum", "vim", "nano", "cut", "truncate")

// patternFirst are the programs whose first positional word is a pattern or
// script; -e and -f (where used) say it instead.
var patternFirst = set("grep", "egrep", "fgrep", "rg", "ag", "ack", "zgrep", "sed", "awk", "gawk", "mawk", "perl", "jq", "yq", "pgrep", "fd", "fdfind")

// refSubs are git's subcommands whose words are refs unless they look like
// paths.
var refSubs = set("checkout", "switch", "merge", "rebase", "branch", "reset", "log", "show", "diff", "cherry-pick", "revert",
	"tag", "push", "pull", "fetch", "blame", "rev-parse", "describe", "merge-base", "range-diff", "name-rev", "bisect", "restore", "worktree")

// typeOf guesses the type of a word from its shape.
func typeOf(value, program string) learn.PlaceholderType {
	switch {
	case number.MatchString(value):
		return learn.TypeNumber
	case isURL(value):
		return learn.TypeURL
	case strings.ContainsAny(value, "\n") || len(value) > 400:
		return learn.TypeString
	case looksLikePath(value):
		return learn.TypePath
	case pathPrograms[program] && !strings.ContainsAny(value, " \t"):
		return learn.TypePath
	case strings.ContainsAny(value, "*?[^|\\") && !strings.ContainsAny(value, " \t") && value != "":
		return learn.TypePattern
	}
	return learn.TypeString
}

func isURL(value string) bool {
	i := strings.Index(value, "://")
	return i > 0 && i < 12 && !strings.ContainsAny(value[:i], " /") || isSCP(value)
}

// isSCP and hasExtension look for the one letter without which the expression
// can't match: most values are long texts without it.
func isSCP(v string) bool        { return strings.Contains(v, "@") && scpURL.MatchString(v) }
func hasExtension(v string) bool { return strings.Contains(v, ".") && extension.MatchString(v) }

func looksLikePath(v string) bool {
	switch v {
	case "", "/":
		return v == "/"
	case ".", "..", "~", "-":
		return true
	}
	if strings.ContainsAny(v, " \t'\"()|<>\\^") {
		return false
	}
	return strings.Contains(v, "/") || hasExtension(v)
}

// positional is the type of the n-th positional word (from 0) of a command.
// after reports whether "--" came before.
func (c *simple) positional(n int, value string, after bool) learn.PlaceholderType {
	name := stem(c.program)
	if n == 0 && patternFirst[name] && !c.patternGiven() {
		return learn.TypePattern
	}
	if name == "git" && len(c.sub) > 0 {
		switch {
		case c.sub[0] == "grep" && n == 0:
			return learn.TypePattern
		case after || c.sub[0] == "add" || c.sub[0] == "rm" || c.sub[0] == "apply":
			return learn.TypePath
		case refShape.MatchString(value) && !isURL(value):
			return learn.TypeRef
		case refSubs[c.sub[0]] && !hasExtension(value) && !isURL(value) && !strings.ContainsAny(value, " "):
			return learn.TypeRef
		}
	}
	if python.MatchString(name) {
		name = "python"
	}
	return typeOf(value, name)
}

// patternGiven reports whether a flag already carries the pattern or script.
func (c *simple) patternGiven() bool {
	for _, w := range c.words[c.start+1:] {
		if w == "-e" || w == "-f" || strings.HasPrefix(w, "--regexp") || strings.HasPrefix(w, "--expression") || w == "-ne" || w == "-pe" {
			return true
		}
		if w == "--" {
			return false
		}
	}
	return false
}

// findTarget is what a command is about: the file, test, package or script.
func (c *simple) findTarget() string {
	if len(c.words) == 0 {
		return ""
	}
	name := stem(c.program)
	positionals := c.positionals()
	if c.intent == learn.IntentInstall {
		if len(positionals) > 0 {
			return cut(positionals[0].value, maxValue)
		}
		return cut(c.flagValue("-r", "--requirement"), maxValue)
	}
	for _, p := range positionals {
		if p.kind == learn.TypePath && (name != "find" && name != "grep" || p.value != ".") {
			return cut(p.value, maxValue)
		}
	}
	for _, p := range positionals {
		if p.kind == learn.TypeURL || p.kind == learn.TypeRef || c.intent == learn.IntentTest && p.kind == learn.TypeString {
			return cut(p.value, maxValue)
		}
	}
	if len(c.sub) > 1 && (c.sub[0] == "run" || c.sub[0] == "run-script") {
		return c.sub[1]
	}
	return ""
}

func (c *simple) flagValue(names ...string) string {
	for i, w := range c.words {
		for _, n := range names {
			if w == n && i+1 < len(c.words) {
				return c.words[i+1]
			}
			if strings.HasPrefix(w, n+"=") {
				return w[len(n)+1:]
			}
		}
	}
	return ""
}

// host is the host that a URL or scp address names.
func host(value string) string {
	if isSCP(value) && !strings.Contains(value, "://") {
		value = value[strings.IndexByte(value, '@')+1:]
		return value[:strings.IndexByte(value, ':')]
	}
	u, err := url.Parse(value)
	if err != nil {
		return ""
	}
	return u.Hostname()
}
