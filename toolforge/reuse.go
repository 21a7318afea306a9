package toolforge

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"lathe/learn"
)

// gateVersion changes whenever a gate written in Go judges otherwise; those
// in guest/ are hashed themselves.
const gateVersion = 4

// once runs a gate, or takes what it gave for exactly the same parts before.
// Only what passed is taken: a failure is looked at anew.
func (j *job) once(ctx context.Context, g gate) (learn.Check, error) {
	key, err := j.key(g.name)
	if err != nil {
		return learn.Check{}, err
	}
	if key != "" && j.v.Known != nil {
		if old, ok := j.v.Known(key); ok {
			if i := slices.IndexFunc(old.Checks, func(c learn.Check) bool { return c.Key == key && c.Passed && c.Name == g.name }); i >= 0 {
				j.take(g.name, old)
				c := old.Checks[i]
				c.Reused = true
				return c, nil
			}
		}
	}
	start := time.Now()
	files, _ := looksAt(j.tool.Manifest.Language, g.name)
	c, err := g.run(context.WithValue(ctx, filesOf{}, files), j)
	if err != nil {
		return c, err
	}
	c.Name, c.Key, c.Seconds = g.name, key, time.Since(start).Seconds()
	c.Details = c.Details[:min(len(c.Details), 50)]
	return c, nil
}

// filesOf is the context's key of the names of the files that a gate sees:
// those that its key was made of and no others.
type filesOf struct{}

// take brings the figures that a gate measured from an earlier result.
func (j *job) take(gate string, old learn.ValidationResult) {
	j.mu.Lock()
	defer j.mu.Unlock()
	r := &j.result
	switch gate {
	case "tests":
		r.TestsPassed, r.TestsFailed, r.Coverage, r.Agreements = old.TestsPassed, old.TestsFailed, old.Coverage, old.Agreements
	case "benchmark":
		r.ColdMS, r.WarmMS, r.MemoryMB = old.ColdMS, old.WarmMS, old.MemoryMB
		r.ColdP95MS, r.WarmP95MS = old.ColdP95MS, old.WarmP95MS
	case "mutation":
		r.Mutants, r.Noticed = old.Mutants, old.Noticed
	}
	if r.Backend == "" {
		r.Backend = old.Backend
	}
	for _, d := range old.Degradations {
		if !slices.Contains(r.Degradations, d) {
			r.Degradations = append(r.Degradations, d)
		}
	}
}

// key stands for everything that a gate looks at; "" when it is not known what
// it runs in.
func (j *job) key(gate string) (string, error) {
	if j.v.Where == "" || gate == gateDependencies { // what is yanked changes
		return "", nil
	}
	scripts, err := guestHash()
	if err != nil {
		return "", err
	}
	files, manifest := looksAt(j.tool.Manifest.Language, gate)
	parts := []any{gate, gateVersion, scripts, j.tool.Manifest.Name, j.v.Where, j.v.Wall.String(), j.tool.Manifest.Dependencies}
	for _, name := range files {
		parts = append(parts, name, j.tool.Files[name])
	}
	if gate == "mutation" { // of the README, what it says of chance
		parts = append(parts, j.givesValues())
	}
	if manifest {
		m := j.tool.Manifest
		m.Provenance, m.Digest = learn.Provenance{}, ""
		if gate != "documentation" {
			m.Version = ""
		}
		parts = append(parts, m)
	}
	raw, err := json.Marshal(parts)
	if err != nil {
		return "", fmt.Errorf("key of a gate: %w", err)
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:]), nil
}

// looksAt names the files that a gate looks at, and whether at the manifest.
func looksAt(language, gate string) (files []string, manifest bool) {
	if language == languageShell {
		// Its caller reads the manifest, and so do its rules.
		if gate == "documentation" || gate == "examples" || gate == "properties" || gate == "mutation" {
			return filesFor(language), true
		}
		return []string{sourceShell, "test_tool.py"}, true
	}
	switch gate {
	case "types", "lint":
		return []string{"tool.py"}, false
	case "tests":
		return []string{"tool.py", "test_tool.py"}, false
	case "schema", "benchmark":
		return []string{"tool.py"}, true
	case "syntax", "security", "imports", "complexity", "contract", "mutation":
		return []string{"tool.py", "test_tool.py"}, true
	}
	return filesFor(language), true
}

// guestHash is the hash of all of guest/.
func guestHash() (string, error) {
	entries, err := guest.ReadDir("guest")
	if err != nil {
		return "", err
	}
	h := sha256.New()
	for _, e := range entries {
		raw, err := guest.ReadFile("guest/" + e.Name())
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%s %d\n%s", e.Name(), len(raw), raw)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
