package codegraph

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzRead feeds the extractors source that no compiler would take: whatever
// comes, the facts are within bounds, ids are unique, calls have a caller and
// resolving them ends.
func FuzzRead(f *testing.F) {
	for lang, src := range map[string]string{
		"a.py": "from . import a as b\nclass C(D):\n  def m(self, x: int = 1, *y) -> str:\n    self.m(); super().m()\n",
		"a.go": "package p\nimport . \"x/y/v2\"\ntype T struct{ *U; a int }\nfunc (t *T[K]) M(a, b int, c ...string) error { t.M(); return nil }\n",
		"a.js": "import d, {a as b} from './a.js';\nconst {x, y: z} = require('./a');\nclass A extends B { m({p}, q = 1) { this.m(); new A(); } }\nexports.f = async x => x();\nexport * from './a.js';",
	} {
		f.Add(lang, []byte(src))
	}
	p, err := newParsers()
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(p.close)
	f.Fuzz(func(t *testing.T, name string, src []byte) {
		if language(name) == "" {
			name = "a.py"
		}
		if len(src) > 1<<16 {
			return
		}
		got, err := p.read(name, src)
		if err != nil {
			return
		}
		ids := map[string]bool{}
		for i, e := range got.entities {
			if i != 1 && (ids[e.ID] || e.ID == "") || e.Line < 1 || e.EndLine < e.Line {
				t.Fatalf("entity %+v", e)
			}
			ids[e.ID] = true
		}
		g := &Graph{files: map[string]*file{}, manifests: map[string]manifest{}, byName: map[string]map[*file][]int{},
			byModule: map[string][]string{}, callsTo: map[string]map[*file]int{}}
		g.put(got)
		for i := range got.calls {
			c := &got.calls[i]
			if c.caller < 1 || c.caller >= len(got.entities) || c.name == "" {
				t.Fatalf("call %+v", c)
			}
			g.resolve(got, c)
		}
		g.Importers(got.module)
		g.Subgraph("p")
		if !g.drop(name) || len(g.byName)+len(g.byModule)+len(g.callsTo) != 0 {
			t.Fatal("dropping the file left something behind")
		}
	})
}

func FuzzManifest(f *testing.F) {
	f.Add("pyproject.toml", []byte("[project]\ndependencies=['a[b]>=1,<2']\n[tool.poetry.dependencies]\nx={version='1'}\n"))
	f.Add("go.mod", []byte("module x\nrequire (\n\ta v1 // indirect\n)\nrequire b v2\n"))
	f.Add("package.json", []byte(`{"dependencies":{"a":"1"}}`))
	f.Add("requirements.txt", []byte("a==1\n-e .\nb @ https://example.org/b.whl\n"))
	f.Fuzz(func(t *testing.T, name string, src []byte) {
		for _, d := range readManifest(name, src).deps {
			if d.Name == "" || len(d.Name) > maxName || d.Manifest != name {
				t.Errorf("%+v", d)
			}
		}
	})
}

func TestRequirement(t *testing.T) {
	for in, want := range map[string]string{
		"requests": "requests|",
		"Flask_SQLAlchemy >= 2.0, < 3 ; extra == 'x'": "flask-sqlalchemy|>= 2.0, < 3",
		"a.b[c,d]==1.*":                 "a-b|==1.*",
		"x (>=1)":                       "x|>=1",
		"pkg @ https://example.org/a.b": "pkg|",
		"":                              "|",
		"; nothing":                     "|",
	} {
		name, version := requirement(in)
		if got := name + "|" + version; got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// TestEverySyntax: the node kinds that the extractors name exist in the pinned
// grammars, so that a renamed one is noticed.
func TestEverySyntax(t *testing.T) {
	p, err := newParsers()
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	for lang, files := range map[string][]string{"python": {"python.go"}, "go": {"golang.go"}, "javascript": {"javascript.go"}} {
		for _, name := range files {
			src, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range strings.Split(string(src), "\n") {
				l = strings.TrimSpace(l)
				if !strings.HasPrefix(l, "case \"") || !strings.HasSuffix(l, "\":") {
					continue
				}
				for _, kind := range strings.Split(strings.Trim(l[5:len(l)-1], `"`), `", "`) {
					if kind != "" && kind != "." && p[lang].Language().IdForNodeKind(kind, true) == 0 {
						t.Errorf("%s: the grammar of %s has no %s", filepath.Base(name), lang, kind)
					}
				}
			}
		}
	}
}
