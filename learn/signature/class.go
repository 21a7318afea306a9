package signature

import (
	"cmp"
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"lathe/learn"
)

//go:embed classes.yaml
var classFile []byte

// classEntry is a class of failures as classes.yaml says it.
type classEntry struct {
	Class string   `yaml:"class"`
	Name  string   `yaml:"name"`
	Of    []string `yaml:"of"`
	// Says are phrases, in small letters, of lines that no pattern knows.
	Says []string `yaml:"says"`
	// CatchAll says that its patterns know no more than that something failed:
	// a phrase of another class knows better.
	CatchAll bool `yaml:"catch_all"`
}

// failureClasses say what a failure is called when the tool that printed it is left
// out: ModuleNotFoundError and ERR_MODULE_NOT_FOUND are of one class.
type failureClasses struct {
	of       map[string]string // key of classes.yaml to class
	names    map[string]string
	catchAll map[string]bool
	phrases  []string
	class    []string // of each phrase
	scan     *automaton
}

func loadClasses(data []byte) (*failureClasses, error) {
	var entries []classEntry
	if err := yaml.UnmarshalWithOptions(data, &entries, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("parse the classes: %w", err)
	}
	c := &failureClasses{of: map[string]string{}, names: map[string]string{}, catchAll: map[string]bool{}}
	for _, e := range entries {
		if e.Class == "" || e.Name == "" || c.names[e.Class] != "" {
			return nil, fmt.Errorf("class %q: each needs a class of its own and a name", e.Class)
		}
		c.names[e.Class], c.catchAll[e.Class] = e.Name, e.CatchAll
		for _, phrase := range e.Says {
			if phrase == "" || phrase != strings.ToLower(phrase) || slices.Contains(c.phrases, phrase) {
				return nil, fmt.Errorf("class %s: the phrase %q is empty, has capitals or stands twice", e.Class, phrase)
			}
			c.phrases, c.class = append(c.phrases, phrase), append(c.class, e.Class)
		}
		for _, key := range e.Of {
			if c.of[key] != "" {
				return nil, fmt.Errorf("class %s: %s is of class %s already", e.Class, key, c.of[key])
			}
			c.of[key] = e.Class
		}
	}
	owners := make([]int, len(c.phrases))
	for i := range owners {
		owners[i] = i
	}
	c.scan = newAutomaton(c.phrases, owners)
	for l := 'A'; l <= 'Z'; l++ { // in any case
		c.scan.class[l] = c.scan.class[l+'a'-'A']
	}
	return c, nil
}

// says is the class of the longest phrase of a line that begins a word, the
// first such; "" for none.
func (c *failureClasses) says(line string) string {
	best, s := -1, int32(0)
	for i := 0; i < len(line); i++ {
		s = c.scan.next[s*c.scan.width+int32(c.scan.class[line[i]])]
		for _, o := range c.scan.output[s] {
			if at := i + 1 - len(c.phrases[o]); at > 0 && isWord(line[at]) && isWord(line[at-1]) {
				continue
			}
			if best < 0 || len(c.phrases[o]) > len(c.phrases[best]) {
				best = o
			}
		}
	}
	if best < 0 {
		return ""
	}
	return c.class[best]
}

// ofLine is the class of a failure, by its pattern or else by what its line
// says.
func (c *failureClasses) ofLine(patternID, kind string, captures map[string]string, line string) string {
	class := c.find(patternID, kind, captures)
	if class == "" || c.catchAll[class] {
		return cmp.Or(c.says(line), class)
	}
	return class
}

// find is the class of what a pattern took, "" when it has none.
func (c *failureClasses) find(patternID, kind string, captures map[string]string) string {
	for _, detail := range []string{captures["code"], captures["type"]} {
		if class := c.of[patternID+":"+detail]; detail != "" && class != "" {
			return class
		}
	}
	if class := c.of[patternID]; class != "" {
		return class
	}
	return c.of[kind]
}

// Class is the class of a failure: the coarsest name that it has, the same for
// all tools, such as "module-not-found"; "" when it is not known. A failure that
// a test raised is of the class of what was raised.
func (a *Analyser) Class(sig learn.ErrorSignature) string {
	kind := sig.ID
	if p := a.lib.byID[sig.PatternID]; p != nil {
		kind = p.Kind
	}
	return a.classes.ofLine(sig.PatternID, kind, sig.Captures, sig.Salient)
}

// ClassName is a class in words, "" for what is no class.
func (a *Analyser) ClassName(class string) string { return a.classes.names[class] }
