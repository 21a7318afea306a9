package codegraph

import (
	"encoding/json"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"lathe/learn"
)

const maxListed = 20_000 // entries of a folder of packages

// lookInto says whether a dependency is installed, as far as can be seen from
// here: in the workspace's own environments, and else in those of the user
// that the daemon runs as. An agent in a container has others, so what is
// found nowhere outside the workspace is unknown, not absent.
func (g *Graph) lookInto(a asking) learn.CodeDependency {
	d := a.CodeDependency
	d.Installed = learn.InstalledUnknown
	if d.Standard || d.Local && !d.Declared {
		d.Installed = learn.InstalledYes
		return d
	}
	switch d.Ecosystem {
	case "python":
		g.python(&d)
	case "javascript":
		g.node(&d)
	case "go":
		g.goModule(&d)
	case "rust":
		g.crate(&d)
	case "java":
		g.jar(&d)
	}
	return d
}

// python looks into the virtual environments of the workspace, and else into
// the system's packages.
func (g *Graph) python(d *learn.CodeDependency) {
	for _, sites := range g.environments() {
		d.Installed, d.Where = learn.InstalledNo, sites
		if version, ok := distInfo(filepath.Join(g.dir, filepath.FromSlash(sites)), d.Name); ok {
			d.Installed, d.Version = learn.InstalledYes, version
			return
		}
	}
	if d.Where != "" {
		return
	}
	for _, pattern := range []string{"/usr/lib/python3/dist-packages", "/usr/local/lib/python3*/*-packages", "/usr/lib/python3*/site-packages"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			continue
		}
		for _, dir := range found {
			if version, ok := distInfo(dir, d.Name); ok {
				d.Installed, d.Version, d.Where = learn.InstalledYes, version, dir
				return
			}
		}
	}
}

// environments are the folders of packages of the workspace's virtual
// environments.
func (g *Graph) environments() []string {
	var found []string
	top, err := listed(g.dir)
	if err != nil {
		return nil
	}
	for _, e := range top {
		if !e.IsDir() {
			continue
		}
		if _, err := g.root.Lstat(e.Name() + "/pyvenv.cfg"); err != nil {
			continue
		}
		for _, pattern := range []string{"lib/python3*/site-packages", "Lib/site-packages"} {
			sites, err := filepath.Glob(filepath.Join(g.dir, e.Name(), filepath.FromSlash(pattern)))
			for _, s := range sites {
				if rel, rerr := filepath.Rel(g.dir, s); err == nil && rerr == nil {
					found = append(found, filepath.ToSlash(rel))
				}
			}
		}
	}
	return found
}

func listed(dir string) ([]os.DirEntry, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	entries, err := f.ReadDir(maxListed)
	if len(entries) > 0 {
		return entries, nil
	}
	return nil, err
}

// distInfo finds the installed version of a distribution: the name of its
// .dist-info folder (PEP 376, 2009), or of an .egg-info or .egg-link.
func distInfo(dir, name string) (string, bool) {
	entries, err := listed(dir)
	if err != nil {
		return "", false
	}
	for _, e := range entries {
		stem, ok := strings.CutSuffix(e.Name(), ".dist-info")
		if !ok {
			if stem, ok = strings.CutSuffix(e.Name(), ".egg-info"); !ok {
				if stem, ok = strings.CutSuffix(e.Name(), ".egg-link"); !ok {
					continue
				}
			}
		}
		base, version, _ := strings.Cut(stem, "-")
		version, _, _ = strings.Cut(version, "-py")
		if pypiName(base) == name {
			return version, true
		}
	}
	return "", false
}

// node looks into node_modules beside the manifest and above it.
func (g *Graph) node(d *learn.CodeDependency) {
	if !validPackage(d.Name) {
		return
	}
	for at := path.Dir(d.Manifest); ; at = path.Dir(at) {
		modules := path.Join(at, "node_modules")
		if _, err := g.root.Lstat(modules); err == nil {
			d.Installed, d.Where = learn.InstalledNo, modules
			if raw, err := g.read(path.Join(modules, d.Name, "package.json")); err == nil {
				var p struct{ Version string }
				if json.Unmarshal(raw, &p) == nil {
					d.Version = p.Version
				}
				d.Installed = learn.InstalledYes
				return
			}
		}
		if at == "." || at == "/" {
			break
		}
	}
	if d.Where == "" && d.Declared { // what npm would fill is not there at all
		d.Installed = learn.InstalledNo
	}
}

func validPackage(name string) bool {
	return name != "" && !strings.Contains(name, "..") && filepath.IsLocal(filepath.FromSlash(name))
}

// goModule looks into vendor and the module cache.
func (g *Graph) goModule(d *learn.CodeDependency) {
	if !d.Declared || !validPackage(d.Name) {
		return
	}
	if _, err := g.root.Lstat(path.Join(path.Dir(d.Manifest), "vendor", d.Name)); err == nil {
		d.Installed, d.Version, d.Where = learn.InstalledYes, d.Constraint, "vendor"
		return
	}
	cache := os.Getenv("GOMODCACHE")
	if cache == "" {
		gopath := os.Getenv("GOPATH")
		if home, err := os.UserHomeDir(); gopath == "" && err == nil {
			gopath = filepath.Join(home, "go")
		}
		if gopath, _, _ = strings.Cut(gopath, string(filepath.ListSeparator)); gopath == "" {
			return
		}
		cache = filepath.Join(gopath, "pkg", "mod")
	}
	if _, err := os.Stat(cache); err != nil {
		return
	}
	d.Where, d.Installed = "module cache", learn.InstalledNo
	if _, err := os.Stat(filepath.Join(cache, filepath.FromSlash(escaped(d.Name))+"@"+escaped(d.Constraint))); err == nil {
		d.Installed, d.Version = learn.InstalledYes, d.Constraint
	}
}

// escaped is how the module cache writes upper case.
func escaped(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r >= 'A' && r <= 'Z' {
			b.WriteByte('!')
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// crate looks into Cargo's sources.
func (g *Graph) crate(d *learn.CodeDependency) {
	home := os.Getenv("CARGO_HOME")
	if user, err := os.UserHomeDir(); home == "" && err == nil {
		home = filepath.Join(user, ".cargo")
	}
	sources, err := filepath.Glob(filepath.Join(home, "registry", "src", "*"))
	if err != nil || len(sources) == 0 {
		return
	}
	d.Installed, d.Where = learn.InstalledNo, "cargo registry"
	for _, dir := range sources {
		entries, err := listed(dir)
		if err != nil {
			continue
		}
		var versions []string
		for _, e := range entries {
			if v, ok := strings.CutPrefix(e.Name(), d.Name+"-"); ok && v != "" && v[0] >= '0' && v[0] <= '9' {
				versions = append(versions, v)
			}
		}
		if len(versions) > 0 {
			slices.Sort(versions)
			d.Installed, d.Version = learn.InstalledYes, strings.Join(versions[:min(3, len(versions))], ", ")
		}
	}
}

// jar looks into Maven's and Gradle's stores.
func (g *Graph) jar(d *learn.CodeDependency) {
	group, artifact, ok := strings.Cut(d.Name, ":")
	home, err := os.UserHomeDir()
	if !ok || err != nil || !validPackage(group) || !validPackage(artifact) {
		return
	}
	for where, store := range map[string]string{
		"maven repository": filepath.Join(home, ".m2", "repository"),
		"gradle cache":     filepath.Join(home, ".gradle", "caches", "modules-2", "files-2.1"),
	} {
		if _, err := os.Stat(store); err != nil {
			continue
		}
		if d.Installed != learn.InstalledYes {
			d.Installed, d.Where = learn.InstalledNo, where
		}
		folder := filepath.Join(store, filepath.FromSlash(strings.ReplaceAll(group, ".", "/")), artifact)
		if strings.HasPrefix(where, "gradle") {
			folder = filepath.Join(store, group, artifact)
		}
		versions, err := listed(folder)
		for _, v := range versions {
			if err == nil && v.IsDir() {
				d.Installed, d.Version, d.Where = learn.InstalledYes, v.Name(), where
			}
		}
	}
}

// CheckDependencies lists what the manifests declare with whether it is
// installed, at most limit of them.
func (g *Graph) CheckDependencies(limit int) []learn.CodeDependency {
	found := []learn.CodeDependency{}
	for _, d := range g.Dependencies() {
		if len(found) == limit {
			break
		}
		found = append(found, g.lookInto(asking{CodeDependency: learn.CodeDependency{Name: d.Name, Ecosystem: d.Ecosystem, Declared: true,
			Dev: d.Dev, Constraint: d.Version, Manifest: d.Manifest}}))
	}
	return found
}
