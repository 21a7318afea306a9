package codegraph

import (
	"path"
	"sort"
	"strings"

	"github.com/BurntSushi/toml"
)

// manifest is what one file declares.
type manifest struct {
	stamp  stamp
	module string            // its own name, as others import it
	main   string            // of package.json
	paths  map[string]string // of tsconfig.json: pattern -> file, without what stands in for *
	deps   []Dependency
}

const maxDeclared = 5000 // dependencies of one manifest

// isManifest recognises the files that declare dependencies.
func isManifest(name string) bool {
	base := path.Base(name)
	switch base {
	case "pyproject.toml", "setup.cfg", "go.mod", "package.json", "tsconfig.json", "Cargo.toml", "pom.xml", "build.gradle", "build.gradle.kts":
		return true
	}
	return strings.HasPrefix(base, "requirements") && strings.HasSuffix(base, ".txt") ||
		path.Base(path.Dir(name)) == "requirements" && path.Ext(base) == ".txt"
}

// readManifest takes what can be read; a damaged file declares nothing.
func readManifest(name string, src []byte) manifest {
	var m manifest
	switch path.Base(name) {
	case "pyproject.toml":
		m.pyproject(src)
	case "go.mod":
		m.gomod(string(src))
	case "package.json":
		m.packageJSON(src)
	case "tsconfig.json":
		m.tsconfig(src)
	case "setup.cfg":
		m.setupCfg(string(src))
	case "Cargo.toml":
		m.cargo(src)
	case "pom.xml":
		m.pom(src)
	case "build.gradle", "build.gradle.kts":
		m.gradle(string(src))
	default:
		m.requirements(string(src), strings.Contains(path.Base(name), "dev") || strings.Contains(path.Base(name), "test"))
	}
	if len(m.deps) > maxDeclared {
		m.deps = m.deps[:maxDeclared]
	}
	for i := range m.deps {
		m.deps[i].Manifest = name
	}
	sort.SliceStable(m.deps, func(i, j int) bool { return m.deps[i].Name < m.deps[j].Name })
	return m
}

// pyproject reads PEP 621 (2020) dependencies and optional ones, PEP 735
// (2023) groups, and Poetry's tables.
func (m *manifest) pyproject(src []byte) {
	var p struct {
		Project struct {
			Dependencies []string            `toml:"dependencies"`
			Optional     map[string][]string `toml:"optional-dependencies"`
		} `toml:"project"`
		Groups map[string][]any `toml:"dependency-groups"`
		Tool   struct {
			Poetry struct {
				Dependencies map[string]any `toml:"dependencies"`
				Dev          map[string]any `toml:"dev-dependencies"`
				Group        map[string]struct {
					Dependencies map[string]any `toml:"dependencies"`
				} `toml:"group"`
			} `toml:"poetry"`
		} `toml:"tool"`
	}
	if toml.Unmarshal(src, &p) != nil {
		return
	}
	for _, d := range p.Project.Dependencies {
		m.python(d, false)
	}
	for _, group := range p.Project.Optional {
		for _, d := range group {
			m.python(d, true)
		}
	}
	for _, group := range p.Groups {
		for _, d := range group {
			if s, ok := d.(string); ok {
				m.python(s, true)
			}
		}
	}
	m.poetry(p.Tool.Poetry.Dependencies, false)
	m.poetry(p.Tool.Poetry.Dev, true)
	for _, group := range p.Tool.Poetry.Group {
		m.poetry(group.Dependencies, true)
	}
}

func (m *manifest) poetry(table map[string]any, dev bool) {
	for name, v := range table {
		version, _ := v.(string)
		if name != "python" {
			m.declare("python", pypiName(name), version, dev)
		}
	}
}

// requirement is a PEP 508 (2015) requirement's name and version constraint;
// extras, markers, addresses and comments are left out.
func requirement(s string) (name, version string) {
	s = strings.TrimSpace(s)
	end := strings.IndexFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '_' || r == '-')
	})
	if end < 0 {
		end = len(s)
	}
	name, rest := pypiName(s[:end]), strings.TrimSpace(s[end:])
	if strings.HasPrefix(rest, "[") {
		_, rest, _ = strings.Cut(rest, "]")
	}
	if i := strings.IndexAny(rest, ";#@"); i >= 0 {
		rest = rest[:i]
	}
	return name, strings.Trim(rest, "() \t")
}

func (m *manifest) python(s string, dev bool) {
	if name, version := requirement(s); name != "" {
		m.declare("python", name, version, dev)
	}
}

func (m *manifest) requirements(src string, dev bool) {
	for l := range strings.Lines(src) {
		l = strings.TrimSpace(l)
		if l == "" || l[0] == '#' || l[0] == '-' || strings.Contains(l, "://") && !strings.Contains(l, " @ ") {
			continue
		}
		m.python(l, dev)
	}
}

// gomod reads module and require; the file's grammar is line by line.
func (m *manifest) gomod(src string) {
	block := ""
	for l := range strings.Lines(src) {
		l, comment, _ := strings.Cut(strings.TrimSpace(l), "//")
		words := strings.Fields(l)
		switch {
		case len(words) == 0:
			continue
		case len(words) == 2 && words[1] == "(":
			block = words[0]
			continue
		case words[0] == ")":
			block = ""
			continue
		case block == "":
			block, words = words[0], words[1:]
			m.goLine(block, words, comment)
			block = ""
			continue
		}
		m.goLine(block, words, comment)
	}
}

func (m *manifest) goLine(verb string, words []string, comment string) {
	switch {
	case verb == "module" && len(words) == 1:
		m.module = strings.Trim(words[0], `"`)
	case verb == "require" && len(words) == 2:
		m.declare("go", strings.Trim(words[0], `"`), words[1], strings.Contains(comment, "indirect"))
	}
}

func (m *manifest) declare(ecosystem, name, version string, dev bool) {
	if name == "" || len(name) > maxName || len(version) > maxName {
		return
	}
	m.deps = append(m.deps, Dependency{Name: name, Version: version, Ecosystem: ecosystem, Dev: dev})
}

// pypiName is PEP 503's (2015) normal form.
func pypiName(s string) string {
	return strings.ToLower(strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == '-' || r == '_' || r == '.' }), "-"))
}
