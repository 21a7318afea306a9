package signature

import (
	_ "embed"
	"fmt"

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
}

// failureClasses say what a failure is called when the tool that printed it is left
// out: ModuleNotFoundError and ERR_MODULE_NOT_FOUND are of one class.
type failureClasses struct {
	of    map[string]string // key of classes.yaml to class
	names map[string]string
}

func loadClasses(data []byte) (*failureClasses, error) {
	var entries []classEntry
	if err := yaml.UnmarshalWithOptions(data, &entries, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("parse the classes: %w", err)
	}
	c := &failureClasses{of: map[string]string{}, names: map[string]string{}}
	for _, e := range entries {
		if e.Class == "" || e.Name == "" || c.names[e.Class] != "" {
			return nil, fmt.Errorf("class %q: each needs a class of its own and a name", e.Class)
		}
		c.names[e.Class] = e.Name
		for _, key := range e.Of {
			if c.of[key] != "" {
				return nil, fmt.Errorf("class %s: %s is of class %s already", e.Class, key, c.of[key])
			}
			c.of[key] = e.Class
		}
	}
	return c, nil
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
	return a.classes.find(sig.PatternID, kind, sig.Captures)
}

// ClassName is a class in words, "" for what is no class.
func (a *Analyser) ClassName(class string) string { return a.classes.names[class] }
