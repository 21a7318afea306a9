package toolforge

import (
	"fmt"
	"slices"
	"strings"
)

// role says what a word is to its program.
type role string

const (
	roleFlag      role = "flag"
	rolePath      role = "path"
	rolePattern   role = "pattern"
	roleScript    role = "script" // code: sed, awk, jq
	roleGlob      role = "glob"
	roleCount     role = "count"
	roleValue     role = "value"
	roleDelimiter role = "delimiter"
	roleFields    role = "fields"
)

// program is what is known of a program that only reads.
type program struct {
	// first is the role of the first operand when it differs from the rest.
	first role
	rest  role
	// flags maps the flags that take the next word to that word's name.
	flags map[string]string
	// subcommands, when set, are the only first words allowed.
	subcommands []string
	// denied flags write files or start programs.
	denied []string
}

// readers are the programs that a tool may be made of: they read files and
// write to stdout only, as long as no denied flag is given. It is an allow
// list, because a program that is not known may do anything.
func reader(name string) (program, bool) {
	count := map[string]string{"-n": "lines", "-c": "bytes", "--lines": "lines", "--bytes": "bytes"}
	context := map[string]string{
		"-A": "after", "-B": "before", "-C": "context", "-m": "max_count", "-e": "pattern",
		"--after-context": "after", "--before-context": "before", "--context": "context",
		"--max-count": "max_count", "--include": "include", "--exclude": "exclude", "--regexp": "pattern",
		"-g": "glob", "--glob": "glob", "-t": "file_type", "--type": "file_type",
	}
	switch name {
	case "grep", "egrep", "fgrep", "zgrep":
		return program{first: rolePattern, rest: rolePath, flags: context, denied: []string{"-f", "--file"}}, true
	case "rg":
		return program{first: rolePattern, rest: rolePath, flags: context, denied: []string{"--pre", "-f", "--file"}}, true
	case "sed":
		return program{first: roleScript, rest: rolePath, flags: map[string]string{"-e": "script"},
			denied: []string{"-i", "--in-place", "-f", "--file", "-s"}}, true
	case "awk", "gawk", "mawk":
		return program{first: roleScript, rest: rolePath, flags: map[string]string{"-F": "separator", "-v": "assignment"},
			denied: []string{"-f", "--file", "-i", "-o", "-p", "-d", "-l", "--include", "--load", "-E", "--exec"}}, true
	case "jq":
		return program{first: roleScript, rest: rolePath, denied: []string{"-f", "--from-file", "-L", "--slurpfile", "--rawfile"}}, true
	case "head", "tail":
		return program{rest: rolePath, flags: count, denied: []string{"-f", "-F", "--follow", "--retry"}}, true
	case "cut":
		return program{rest: rolePath, flags: map[string]string{"-d": "delimiter", "-f": "fields", "-c": "columns", "-b": "bytes"}}, true
	case "sort":
		return program{rest: rolePath, flags: map[string]string{"-k": "key", "-t": "separator"},
			denied: []string{"-o", "--output", "-T", "--temporary-directory", "--compress-program", "--files0-from"}}, true
	case "uniq":
		return program{rest: rolePath, flags: map[string]string{"-f": "skip_fields", "-s": "skip_characters", "-w": "characters"}}, true
	case "tr":
		return program{rest: roleValue}, true
	case "find":
		return program{rest: rolePath, flags: map[string]string{
			"-name": "name", "-iname": "name", "-path": "path_pattern", "-type": "file_type", "-maxdepth": "max_depth",
			"-mindepth": "min_depth", "-size": "size", "-mtime": "days", "-regex": "pattern", "-not": "", "-newer": "newer",
		}, denied: []string{"-exec", "-execdir", "-ok", "-okdir", "-delete", "-fprint", "-fprintf", "-fls", "-fprint0", "-files0-from"}}, true
	case "xargs":
		return program{rest: roleValue, flags: map[string]string{"-n": "batch", "-I": "placeholder", "-L": "lines", "-P": "parallel", "-d": "delimiter"},
			denied: []string{"-a", "--arg-file", "-o", "-p"}}, true
	case "git":
		return program{rest: roleValue, flags: map[string]string{"-n": "count", "--max-count": "count", "--since": "since",
			"--until": "until", "--author": "author", "--grep": "pattern", "-S": "text", "-L": "range", "--format": "format"},
			subcommands: []string{"log", "show", "diff", "status", "blame", "ls-files", "grep", "rev-parse", "describe", "shortlog", "rev-list", "ls-tree", "cat-file"},
			denied:      []string{"-c", "-C", "--exec-path", "--git-dir", "--work-tree", "--output", "--ext-diff", "--textconv", "-O", "--open-files-in-pager"}}, true
	case "nl", "cat", "tac", "wc", "ls", "rev", "fold", "fmt", "expand", "unexpand", "paste", "comm", "join", "diff", "cmp",
		"stat", "file", "du", "tree", "md5sum", "sha1sum", "sha256sum", "od", "strings", "readlink", "realpath", "column":
		return program{rest: rolePath, flags: map[string]string{"-w": "width", "-d": "delimiter", "-s": "separator",
			"-v": "first_number", "-L": "depth", "-t": "separator", "--max-depth": "depth", "-N": "bytes"},
			denied: []string{"-o", "--output", "--files0-from", "-R"}}, true
	case "echo", "printf", "seq", "basename", "dirname":
		return program{rest: roleValue}, true
	}
	return program{}, false
}

// trivial programs are no reason for a tool by themselves.
func trivial(name string) bool {
	return slices.Contains([]string{"cat", "ls", "cd", "pwd", "echo", "printf", "true", "false", "which", "type", "rm",
		"mkdir", "touch", "mv", "cp", "chmod", "export", "sleep", "clear", "exit", "date", "whoami", "test", "["}, name)
}

// checkReadOnly fails for a stage that is not known to read only.
func checkReadOnly(s stage) error {
	name := s.words[0]
	p, ok := reader(name)
	if !ok {
		return fmt.Errorf("program %s is not known to only read", name)
	}
	if name == "ls" {
		p.denied = nil
	}
	if p.subcommands != nil && (len(s.words) < 2 || !slices.Contains(p.subcommands, s.words[1])) {
		return fmt.Errorf("this use of %s is not known to only read", name)
	}
	end := len(s.words)
	if i := s.xargsProgram(); i > 0 {
		end = i
		inner := stage{words: s.words[i:]}
		if inner.words[0] == "xargs" {
			return fmt.Errorf("program xargs starts itself")
		}
		if err := checkReadOnly(inner); err != nil {
			return err
		}
	}
	for _, w := range s.words[1:end] {
		if deniedFlag(p, name, w) {
			return fmt.Errorf("program %s with %s writes files, runs programs or reads a script", name, w)
		}
	}
	return checkScript(s)
}

// deniedFlag compares a word with the denied flags: --flag=value and
// abbreviations of it, -fvalue, and -f within a cluster such as -nf.
func deniedFlag(p program, name, w string) bool {
	if len(w) < 2 || w[0] != '-' {
		return false
	}
	head, _, _ := strings.Cut(w, "=")
	for _, d := range p.denied {
		switch {
		case head == d:
			return true
		case strings.HasPrefix(head, "--") && len(head) > 3 && strings.HasPrefix(d, head):
			return true
		case name != "find" && len(d) == 2 && w[1] != '-' && cluster(p, w, d[1]):
			return true
		}
	}
	return false
}

// cluster reports whether letter is set in a cluster of one-letter flags such
// as -nri; what follows a flag that takes a value is that value.
func cluster(p program, w string, letter byte) bool {
	for i := 1; i < len(w); i++ {
		if w[i] == letter {
			return true
		}
		if _, takes := p.flags["-"+w[i:i+1]]; takes {
			return false
		}
	}
	return false
}

// checkScript refuses sed and awk programs that write files or run programs.
func checkScript(s stage) error {
	switch s.words[0] {
	case "awk", "gawk", "mawk":
		for _, w := range s.words[1:] {
			for _, bad := range []string{"system", "getline", "|", ">", "@"} {
				if strings.Contains(w, bad) {
					// A comparison in a condition looks like an output; refusing
					// it costs an opportunity, accepting an output costs a file.
					return fmt.Errorf("the %s program may write files or run programs (%q)", s.words[0], bad)
				}
			}
		}
	}
	return nil
}
