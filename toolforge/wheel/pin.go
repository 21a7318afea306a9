package wheel

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// ErrRefused says that a dependency may not be used, and why.
var ErrRefused = errors.New("the dependency is refused")

// Pin is one dependency: a name (PEP 503, normalised), an exact version
// (PEP 440) and the SHA-256 of its wheel in hex.
type Pin struct{ Name, Version, SHA256 string }

var (
	pinned   = regexp.MustCompile(`^([A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?)==([0-9A-Za-z.!+]{1,60})(?:\s+--hash=sha256:([0-9a-f]{64}))?$`)
	runs     = regexp.MustCompile(`[-_.]+`)
	versions = regexp.MustCompile(`^([0-9]+!)?[0-9]+(\.[0-9]+)*((a|b|rc)[0-9]+)?(\.post[0-9]+)?(\.dev[0-9]+)?(\+[a-z0-9]+(\.[a-z0-9]+)*)?$`)
)

// Normal is a package's name as indexes compare it (PEP 503).
func Normal(name string) string { return strings.ToLower(runs.ReplaceAllString(name, "-")) }

// Parse reads a line of a requirements file in which version and hash are
// pinned: name==1.2.3 --hash=sha256:HEX.
func Parse(line string) (Pin, error) {
	bad := func(format string, args ...any) (Pin, error) {
		return Pin{}, fmt.Errorf("%w: %.80q: %s", ErrRefused, line, fmt.Sprintf(format, args...))
	}
	m := pinned.FindStringSubmatch(strings.TrimSpace(line))
	switch {
	case m == nil && (strings.Contains(line, "://") || strings.Contains(line, " @ ")):
		return bad("an address is no version of a package")
	case m == nil:
		return bad("it is not pinned: write name==1.2.3 --hash=sha256: and the 64 hexadecimal digits of its wheel")
	case !versions.MatchString(m[2]):
		return bad("%q is no exact version (PEP 440, normalised)", m[2])
	case m[3] == "":
		return bad("its wheel is not pinned: add --hash=sha256: and the 64 hexadecimal digits")
	}
	return Pin{Normal(m[1]), m[2], m[3]}, nil
}

// String is the line that Parse reads.
func (p Pin) String() string {
	return p.Name + "==" + p.Version + " --hash=sha256:" + p.SHA256
}

// maxPins bounds the dependencies of one tool.
const maxPins = 16

// ParseAll reads the dependencies of a tool: at most 16, each package once.
func ParseAll(lines []string) ([]Pin, error) {
	if len(lines) > maxPins {
		return nil, fmt.Errorf("%w: %d dependencies, at most %d", ErrRefused, len(lines), maxPins)
	}
	var out []Pin
	seen := map[string]bool{}
	for _, l := range lines {
		p, err := Parse(l)
		if err != nil {
			return nil, err
		}
		if seen[p.Name] {
			return nil, fmt.Errorf("%w: %s is declared twice", ErrRefused, p.Name)
		}
		seen[p.Name] = true
		out = append(out, p)
	}
	return out, nil
}
