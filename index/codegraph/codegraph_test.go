package codegraph_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"go.uber.org/goleak"

	"lathe/index/codegraph"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func write(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		p := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func open(t testing.TB, dir string, o codegraph.Options) *codegraph.Graph {
	t.Helper()
	g, err := codegraph.New(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	return g
}

func update(t testing.TB, g *codegraph.Graph) codegraph.Changes {
	t.Helper()
	c, err := g.Update(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func load(t testing.TB, files map[string]string) (*codegraph.Graph, string) {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, files)
	g := open(t, dir, codegraph.Options{})
	update(t, g)
	return g, dir
}

// project has one of everything that resolution has rules for; the answers in
// the tests were worked out by hand.
func project() map[string]string {
	return map[string]string{
		"pyproject.toml": "[project]\nname='shop'\ndependencies=['PyYAML>=6','requests[socks] ~=2.0 ; python_version>\"3\"']\n" +
			"[project.optional-dependencies]\ndev=['pytest']\n[dependency-groups]\nlint=['ruff',{include-group='x'}]\n[tool.poetry.group.docs.dependencies]\nsphinx='^7'\n",
		"requirements-dev.txt": "# comment\n-r other.txt\nmypy==1.0  # pinned\nhttps://example.org/x.whl\n",
		"src/shop/__init__.py": "from .store import Store\nfrom .util import helper as assist\n",
		"src/shop/base.py":     "class Base:\n    def save(self, path: str) -> bool:\n        return self.check()\n\n    def check(self):\n        return True\n",
		"src/shop/store.py": "import os.path\nimport yaml\nfrom shop.base import Base\nfrom . import util\n\n\nclass Store(Base):\n" +
			"    def put(self, item, *rest, count: int = 1):\n        self.save(item)\n        util.clean(item)\n        os.path.join(item)\n        return make(item)\n\n" +
			"    def check(self):\n        return super().check()\n\n\ndef make(x):\n    def inner():\n        return x\n    return inner()\n",
		"src/shop/util.py": "def clean(x):\n    return x\n\n\ndef helper():\n    pass\n\n\ndef clean_all(xs):\n    return [clean(x) for x in xs]\n",
		"run.py":           "import shop\nfrom shop import Store, assist\nimport shop.util as u\n\ns = Store()\ns.put(1)\nassist()\nu.clean(2)\nunknown.append(3)\nprint(s)\n",
		"go.mod":           "module example.org/m\n\ngo 1.22\n\nrequire example.org/dep/v2 v2.1.0\n\nrequire (\n\texample.org/one v1.0.0 // indirect\n)\n",
		"store/store.go": "package store\n\nimport \"example.org/m/internal/disk\"\n\ntype Store struct {\n\tdisk.Disk\n\tname string\n}\n\n" +
			"func New(name string, sizes ...int) (*Store, error) { return &Store{}, check(name) }\n\nfunc (s *Store) Put(k, v string) error {\n\ts.trim()\n\ts.Sync()\n\treturn disk.Sync2()\n}\n",
		"store/trim.go":         "package store\n\nfunc (s *Store) trim() {}\n\nfunc check(string) error { return nil }\n",
		"internal/disk/disk.go": "package disk\n\ntype Disk struct{}\n\nfunc (d Disk) Sync() error { return Sync2() }\n\nfunc Sync2() error { return nil }\n",
		"web/package.json":      `{"dependencies":{"express":"^4","@scope/pkg":"1"},"devDependencies":{"jest":"29"}}`,
		"web/app.js": "import { render, other as o } from './view.js';\nconst db = require('./db');\nconst express = require('express');\n\nclass App extends Base {\n" +
			"  start(port, host = 'x') { this.listen(port); render(); o(); db.connect(); express(); }\n  listen(p) { return p; }\n}\n\nconst boot = (cfg) => new App().start(cfg);\n",
		"web/view.js":             "export function render() { return helper(); }\nfunction helper() {}\nexport const other = () => 1;\n",
		"web/db/index.js":         "exports.connect = function (url) { return url; };\n",
		"node_modules/x/index.js": "function hidden() {}\n",
		"venv/lib/hidden.py":      "def hidden(): pass\n",
		"myenv/pyvenv.cfg":        "",
		"myenv/hidden.py":         "def hidden(): pass\n",
		".git/hidden.py":          "def hidden(): pass\n",
		"vendor/hidden/hidden.go": "package hidden\nfunc hidden() {}\n",
		"docs/readme.md":          "def hidden(): pass\n",
	}
}

func callers(t testing.TB, g *codegraph.Graph, symbol string) []string {
	t.Helper()
	var found []string
	calls, err := g.Callers(t.Context(), symbol)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range calls {
		found = append(found, fmt.Sprintf("%s:%d %s", c.Caller.ID, c.Line, c.How))
	}
	return found
}

func TestImporters(t *testing.T) {
	g, _ := load(t, project())
	for module, want := range map[string][]string{
		"shop.base":                   {"src/shop/store.py"},
		"src/shop/base.py":            {"src/shop/store.py"},
		"shop":                        {"run.py", "src/shop/store.py"},
		"shop.util":                   {"run.py", "src/shop/__init__.py", "src/shop/store.py"},
		"yaml":                        {"src/shop/store.py"},
		"os":                          {"src/shop/store.py"},
		"example.org/m/internal/disk": {"store/store.go"},
		"internal/disk/disk.go":       {"store/store.go"},
		"web/view.js":                 {"web/app.js"},
		"web/db/index.js":             {"web/app.js"},
		"express":                     {"web/app.js"},
		"absent":                      {},
	} {
		if got := g.Importers(module); !slices.Equal(got, want) {
			t.Errorf("%s is imported by %v, want %v", module, got, want)
		}
	}
	if got, want := g.Imports("src/shop/store.py"), []string{"os.path", "yaml", "shop.base", "shop"}; !slices.Equal(got, want) {
		t.Errorf("imports %v, want %v", got, want)
	}
}

func TestDeclares(t *testing.T) {
	g, _ := load(t, project())
	for name, want := range map[string]bool{
		"PyYAML": true, "yaml": true, "requests": true, "requests.adapters": true, "pytest": true, "ruff": true, "sphinx": true, "mypy": true,
		"numpy": false, "other": false, "x": false,
		"example.org/dep/v2": true, "example.org/dep/v2/sub": true, "example.org/dep": false, "example.org/one": true, "example.org/onefold": false,
		"express": true, "jest": true, "@scope/pkg": true, "@scope/pkg/deep": true, "@scope/other": false,
	} {
		if got := g.Declares(name); got != want {
			t.Errorf("%s declared: %v, want %v", name, got, want)
		}
	}
	for name, want := range map[string]bool{"shop": true, "shop.store": true, "example.org/m/store": true, "web/db/index.js": true, "yaml": false, "sho": false} {
		if got := g.Local(name); got != want {
			t.Errorf("%s local: %v, want %v", name, got, want)
		}
	}
	var versions []string
	for _, d := range g.Dependencies() {
		if d.Name == "pyyaml" || d.Name == "mypy" || d.Name == "requests" {
			versions = append(versions, d.Name+d.Version+" "+d.Manifest)
		}
	}
	want := []string{"mypy==1.0 requirements-dev.txt", "pyyaml>=6 pyproject.toml", "requests~=2.0 pyproject.toml"}
	if !slices.Equal(versions, want) {
		t.Errorf("versions %v, want %v", versions, want)
	}
}
