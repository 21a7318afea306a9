package codegraph

import (
	"encoding/json"
	"encoding/xml"
	"path"
	"regexp"
	"sort"
	"strings"

	"github.com/BurntSushi/toml"
)

func (m *manifest) packageJSON(src []byte) {
	var p struct {
		Name                                                                  string
		Main, Module, Types                                                   string
		Dependencies, DevDependencies, PeerDependencies, OptionalDependencies map[string]string
	}
	if json.Unmarshal(src, &p) != nil {
		return
	}
	m.module = p.Name
	for _, f := range []string{p.Module, p.Main, p.Types} {
		if f != "" && m.main == "" {
			m.main = path.Clean(f)
		}
	}
	for i, table := range []map[string]string{p.Dependencies, p.PeerDependencies, p.OptionalDependencies, p.DevDependencies} {
		for name, version := range table {
			m.declare("javascript", name, version, i == 3)
		}
	}
}

var (
	jsonComment = regexp.MustCompile(`(?m)^\s*//.*$|/\*[^*]*\*/`)
	jsonComma   = regexp.MustCompile(`,(\s*[}\]])`)
)

// tsconfig reads baseUrl and paths. The file may have comments and commas too
// many.
func (m *manifest) tsconfig(src []byte) {
	var t struct {
		CompilerOptions struct {
			BaseURL string
			Paths   map[string][]string
		}
	}
	src = jsonComma.ReplaceAll(jsonComment.ReplaceAll(src, nil), []byte("$1"))
	if json.Unmarshal(src, &t) != nil {
		return
	}
	m.paths = map[string]string{}
	base := t.CompilerOptions.BaseURL
	for pattern, to := range t.CompilerOptions.Paths {
		if len(to) > 0 && len(m.paths) < maxDeclared {
			m.paths[strings.TrimSuffix(pattern, "*")] = path.Join(base, strings.TrimSuffix(to[0], "*"))
		}
	}
	if base != "" {
		m.paths[""] = path.Clean(base)
	}
}

// mapped are the places that tsconfig's paths give an import, the longest
// pattern first.
func (m *manifest) mapped(module string) []string {
	var patterns []string
	for p := range m.paths {
		if strings.HasPrefix(module, p) {
			patterns = append(patterns, p)
		}
	}
	sort.Slice(patterns, func(i, j int) bool { return len(patterns[i]) > len(patterns[j]) })
	for i, p := range patterns {
		patterns[i] = path.Join(m.paths[p], strings.TrimPrefix(module, p))
	}
	return patterns
}

// setupCfg reads install_requires and extras_require: a list, one a line,
// indented below its name.
func (m *manifest) setupCfg(src string) {
	section, key := "", ""
	for l := range strings.Lines(src) {
		trimmed := strings.TrimSpace(l)
		indented := l[0] == ' ' || l[0] == '\t'
		value := trimmed
		switch {
		case trimmed == "" || trimmed[0] == '#' || trimmed[0] == ';':
			continue
		case !indented && trimmed[0] == '[':
			section, key = strings.Trim(trimmed, "[]"), ""
			continue
		case !indented:
			key, value, _ = strings.Cut(trimmed, "=")
			key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		}
		switch {
		case value == "":
		case section == "options" && key == "install_requires":
			m.python(value, false)
		case section == "options.extras_require", section == "options" && key == "tests_require":
			m.python(value, true)
		}
	}
}

// cargo reads Cargo.toml's package, dependencies and workspace dependencies.
func (m *manifest) cargo(src []byte) {
	type table map[string]any
	var c struct {
		Package      struct{ Name string }
		Dependencies table
		Dev          table `toml:"dev-dependencies"`
		Build        table `toml:"build-dependencies"`
		Workspace    struct{ Dependencies table }
		Target       map[string]struct{ Dependencies table }
	}
	if toml.Unmarshal(src, &c) != nil {
		return
	}
	m.module = c.Package.Name
	take := func(t table, dev bool) {
		for name, v := range t {
			version, _ := v.(string)
			if more, ok := v.(map[string]any); ok {
				version, _ = more["version"].(string)
				if real, ok := more["package"].(string); ok {
					name = real
				}
			}
			m.declare("rust", name, version, dev)
		}
	}
	take(c.Dependencies, false)
	take(c.Workspace.Dependencies, false)
	take(c.Build, true)
	take(c.Dev, true)
	for _, t := range c.Target {
		take(t.Dependencies, false)
	}
}

// pom reads a Maven project's dependencies; the name is "group:artifact".
func (m *manifest) pom(src []byte) {
	type dependency struct {
		Group    string `xml:"groupId"`
		Artifact string `xml:"artifactId"`
		Version  string `xml:"version"`
		Scope    string `xml:"scope"`
	}
	var p struct {
		Group        string       `xml:"groupId"`
		Artifact     string       `xml:"artifactId"`
		Dependencies []dependency `xml:"dependencies>dependency"`
		Managed      []dependency `xml:"dependencyManagement>dependencies>dependency"`
	}
	if xml.Unmarshal(src, &p) != nil {
		return
	}
	m.module = strings.Trim(p.Group+":"+p.Artifact, ":")
	managed := map[string]string{}
	for _, d := range p.Managed {
		managed[d.Group+":"+d.Artifact] = d.Version
	}
	for _, d := range p.Dependencies {
		if d.Version == "" {
			d.Version = managed[d.Group+":"+d.Artifact]
		}
		m.declare("java", d.Group+":"+d.Artifact, d.Version, d.Scope == "test")
	}
}

var gradleDependency = regexp.MustCompile(`(?m)^\s*(\w*[iI]mplementation|api|compileOnly|runtimeOnly|annotationProcessor|\w*[cC]ompile|testRuntimeOnly)\s*\(?\s*["']([\w.-]+):([\w.-]+)(?::([^"'@]+))?`)

// gradle reads the dependencies that are written as "group:artifact:version".
// A build script is a program: what it computes is not seen.
func (m *manifest) gradle(src string) {
	for _, d := range gradleDependency.FindAllStringSubmatch(src, maxDeclared) {
		m.declare("java", d[2]+":"+d[3], d[4], strings.HasPrefix(d[1], "test"))
	}
}
