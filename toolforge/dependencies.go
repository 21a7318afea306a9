package toolforge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"lathe/learn"
	"lathe/toolforge/wheel"
)

// DependencyFolder is where the packages of a tool lie in its folder, in the
// sandbox and in its image.
const DependencyFolder = "deps"

// gateDependencies is the gate that brings declared packages, before all
// others.
const gateDependencies = "dependencies"

// dependencyFile is an entry of dependencies in tool.json: a line as pip pins
// it, or the same as an object.
type dependencyFile string

// UnmarshalJSON implements json.Unmarshaler.
func (d *dependencyFile) UnmarshalJSON(raw []byte) error {
	var line string
	if json.Unmarshal(raw, &line) == nil {
		*d = dependencyFile(line)
		return nil
	}
	var o struct{ Name, Version, SHA256 string }
	if err := json.Unmarshal(raw, &o); err != nil || o.Name == "" {
		return fmt.Errorf("%w: a dependency is a line name==1.2.3 --hash=sha256:HEX, or {name, version, sha256}", ErrFolder)
	}
	*d = dependencyFile(o.Name + "==" + o.Version)
	if o.SHA256 != "" {
		*d += dependencyFile(" --hash=sha256:" + strings.ToLower(o.SHA256))
	}
	return nil
}

// pinnedLines are the dependencies in the form in which they are hashed and
// shown; what is no pin stays as it is, and is refused later.
func pinnedLines(list []dependencyFile) []string {
	var out []string
	for _, d := range list {
		line := string(d)
		if p, err := wheel.Parse(line); err == nil {
			line = p.String()
		}
		out = append(out, line)
	}
	return out
}

// checkDependencies holds what a manifest declares against the rules; nothing
// is fetched.
func checkDependencies(m learn.ToolManifest) error {
	if len(m.Dependencies) > 0 && m.Language != languagePython {
		return fmt.Errorf("%w: dependencies are packages for Python, and the language is %s", ErrFolder, m.Language)
	}
	if _, err := wheel.ParseAll(m.Dependencies); err != nil {
		return fmt.Errorf("%w: tool.json: %w", ErrFolder, err)
	}
	return nil
}

// dependencies brings the packages of a tool and checks them. Nothing of them is
// executed by that.
func dependencies(ctx context.Context, j *job) (learn.Check, error) {
	refuse := func(err error) (learn.Check, error) {
		return findings([]learn.Finding{{File: "tool.json", Rule: "dependency", Message: err.Error()}}), nil
	}
	if j.v.Packages == nil {
		return refuse(wheel.ErrNoSource)
	}
	all, err := j.v.Packages(ctx, j.tool)
	switch {
	case errors.Is(err, wheel.ErrRefused) || errors.Is(err, wheel.ErrNoSource):
		return refuse(err)
	case err != nil:
		return learn.Check{}, err
	}
	j.packages = all
	c := learn.Check{Passed: true}
	files := 0
	for _, k := range all {
		files += len(k.Files)
		c.Details = append(c.Details, fmt.Sprintf("%s %s, %d files, licence %s, from %s", k.Name, k.Version, len(k.Files), orUnsaid(k.Licence), clip(k.Origin, 120)))
	}
	c.Summary = fmt.Sprintf("%d packages are what was pinned, %d files; no rule looked at their code", len(all), files)
	return c, nil
}

func orUnsaid(s string) string {
	if s == "" {
		return "unsaid"
	}
	return clip(s, 60)
}

// withPackages adds the packages' files to those of a run, and says where they
// are found.
func (j *job) withPackages(files map[string][]byte, env map[string]string) {
	if len(j.packages) == 0 {
		return
	}
	for name, text := range wheel.Together(j.packages) {
		files["tool/"+DependencyFolder+"/"+name] = text
	}
	// A package could say that it is part of pytest, and judge its own tests.
	env["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
	env["PYTHONPATH"] = guestDir + "/tool/" + DependencyFolder
	if j.typed() {
		env["MYPYPATH"] = env["PYTHONPATH"]
	}
}

// typed reports whether all packages have types.
func (j *job) typed() bool {
	return !slices.ContainsFunc(j.packages, func(k wheel.Package) bool { return !k.Typed })
}

// typeOptions are mypy's for packages: their own mistakes are not the tool's,
// and what has no types is taken as it is.
func (j *job) typeOptions() []string {
	switch {
	case len(j.packages) == 0:
		return nil
	case j.typed():
		return []string{"--follow-imports=silent"}
	}
	return []string{"--ignore-missing-imports"}
}

// DependenciesInWords says which packages a tool brings; "" for none.
func DependenciesInWords(m learn.ToolManifest) string {
	var names []string
	for _, l := range m.Dependencies {
		if p, err := wheel.Parse(l); err == nil {
			names = append(names, fmt.Sprintf("%s %s (sha256 %s)", p.Name, p.Version, p.SHA256[:12]))
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "It runs THIRD-PARTY CODE that no rule looked at, with the same permissions: " + strings.Join(names, ", ") + "."
}
