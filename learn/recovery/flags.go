package recovery

import (
	"slices"
	"strings"
)

// optionsOf lists the options of a command, sorted, without their values and
// without those that only say how much to print.
func optionsOf(command string) []string {
	var out []string
	for _, w := range words1(command) {
		name, _, _ := strings.Cut(w, "=")
		switch name {
		case "-", "--", "-v", "-vv", "-q", "-s", "-x", "-n", "--verbose", "--quiet", "--tb", "--no-header":
			continue
		}
		if isFlag(w) && strings.Trim(name, "-0123456789") != "" && !selects(name) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// selects reports whether an option only says which tests to run.
func selects(option string) bool {
	switch option {
	case "-k", "-m", "-run", "--run", "-t", "--testNamePattern", "--testPathPattern", "--grep", "-g", "--filter", "--deselect", "--ignore", "--lf", "--ff":
		return true
	}
	return false
}

// narrows reports whether one run of tests selects fewer of them than another.
func narrows(command, than string) bool {
	chosen := func(command string) bool {
		return slices.ContainsFunc(words1(command), func(w string) bool {
			name, _, _ := strings.Cut(w, "=")
			return isFlag(w) && selects(name)
		})
	}
	return chosen(command) && !chosen(than)
}

// words1 are the words of a command up to its first pipe.
func words1(command string) []string {
	words := tokens(command)
	if i := slices.IndexFunc(words, isOperator); i >= 0 {
		words = words[:i]
	}
	return words
}
