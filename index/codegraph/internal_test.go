//go:build cgo

package codegraph

import (
	"os"
	"strings"
	"testing"
)

// FuzzRead feeds the readers source that no compiler would take: whatever
// comes, the facts are within bounds, ids are unique, calls have a caller,
// resolving them ends, and what is written to a snapshot comes back.
func FuzzRead(f *testing.F) {
	for name, src := range map[string]string{
		"a.py":   "from . import a as b\nclass C(D):\n  x: List[C]\n  def m(self, x: int = 1, *y) -> str:\n    self.m(); super().m(); self.z = C(); self.z.m()\n",
		"a.go":   "package p\nimport . \"x/y/v2\"\ntype T struct{ *U; a []T }\nfunc (t *T[K]) M(a, b int, c ...string) (x T, err error) { t.M(); for _, v := range t.a { v.M() }; return }\n",
		"a.js":   "import d, {a as b} from './a.js';\nconst {x, y: z} = require('./a');\nclass A extends B { m({p}, q = 1) { this.m(); new A(); } }\nexports.f = async x => x();\nexport * from './a.js'; export default A;",
		"a.tsx":  "interface I<T> extends J { m(x?: T): Promise<I<T>> }\nnamespace N { export const f = (a: I) => a.m() }\nconst e = <N.X y={1}/>;",
		"A.java": "package a.b;\nimport static a.b.A.*;\nclass A<T> extends B implements C { List<A> l; A m(A... x) { for (var y : l) y.m(); return new A<>() { }; } }",
		"a.rs":   "use super::{self, x::*, y as z};\nimpl<'a, T> S<'a, T> for Box<dyn U> { fn m(&self) -> Self { if let Some(x) = self.y() { x.m(); } assert!(self.m()) } }\nmod n { use super::*; }",
	} {
		f.Add(name, []byte(src))
	}
	p := newParsers()
	f.Cleanup(p.close)
	f.Fuzz(func(t *testing.T, name string, src []byte) {
		if languageOf(name) == "" || len(name) > 100 {
			name = "a.py"
		}
		if len(src) > 1<<16 {
			return
		}
		got, err := p.read(name, src)
		if err != nil {
			return
		}
		got.finish()
		g := &Graph{}
		g.forget()
		g.put(got)
		ids := map[string]bool{}
		for i, e := range got.entities {
			if id := got.id(i); ids[id] || id == "" || e.line < 1 || e.end < e.line {
				t.Fatalf("entity %q %+v", id, e)
			} else {
				ids[id] = true
			}
		}
		for i := range got.calls {
			c := &got.calls[i]
			if c.caller < 1 || int(c.caller) >= len(got.entities) || c.name == "" {
				t.Fatalf("call %+v", c)
			}
			g.resolve(got, c)
		}
		g.Importers(got.module)
		g.Subgraph("p")
		back := &Graph{}
		back.forget()
		if err := back.decode(&decoder{b: g.encode()[headerSize(g):]}); err != nil {
			t.Fatalf("snapshot: %v", err)
		}
		if !g.drop(name) || len(g.byName)+len(g.byModule)+len(g.callsTo)+len(g.importsOf)+len(g.typesOf)+len(g.renamed) != 0 {
			t.Fatal("dropping the file left something behind")
		}
	})
}

func headerSize(g *Graph) int {
	var e encoder
	for _, s := range g.header() {
		e.bytes(s)
	}
	return len(e.b)
}

// FuzzSnapshot: whatever stands in a snapshot whose sum is right, it is taken
// or refused, and what is taken can be asked.
func FuzzSnapshot(f *testing.F) {
	g := &Graph{}
	g.forget()
	p := newParsers()
	f.Cleanup(p.close)
	one, err := p.read("a.py", []byte("import b\nclass A(B):\n  def m(self): self.m()\n"))
	if err != nil {
		f.Fatal(err)
	}
	one.finish()
	g.put(one)
	f.Add(g.encode()[headerSize(g):])
	f.Fuzz(func(t *testing.T, raw []byte) {
		back := &Graph{}
		back.forget()
		if back.decode(&decoder{b: raw}) == nil {
			back.Stats()
			back.Subgraph("p")
		}
	})
}

func FuzzManifest(f *testing.F) {
	for name, src := range map[string]string{
		"pyproject.toml":   "[project]\ndependencies=['a[b]>=1,<2']\n[tool.poetry.dependencies]\nx={version='1'}\n",
		"setup.cfg":        "[options]\ninstall_requires =\n  a>=1\n  b\n[options.extras_require]\ndev = c\n",
		"go.mod":           "module x\nrequire (\n\ta v1 // indirect\n)\nrequire b v2\n",
		"package.json":     `{"name":"n","dependencies":{"a":"1"}}`,
		"tsconfig.json":    `{"compilerOptions":{"baseUrl":".","paths":{"@/*":["src/*",],}}}`,
		"requirements.txt": "a==1\n-e .\nb @ https://example.org/b.whl\n",
		"Cargo.toml":       "[package]\nname='n'\n[dependencies]\na='1'\nb={version='2',package='c'}\n",
		"pom.xml":          "<project><dependencies><dependency><groupId>a</groupId><artifactId>b</artifactId></dependency></dependencies></project>",
		"build.gradle":     "dependencies {\n  implementation 'a:b:1'\n  testImplementation(\"c:d:2\")\n}\n",
	} {
		f.Add(name, []byte(src))
	}
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

func TestTypes(t *testing.T) {
	for _, c := range []struct{ lang, text, bare, element string }{
		{"go", "*pkg.Store[K]", "pkg.Store", ""},
		{"go", "[]*Part", "", "*Part"},
		{"go", "map[string][]Part", "", "[]Part"},
		{"go", "func() Part", "", ""},
		{"python", "Optional[shop.Store]", "shop.Store", ""},
		{"python", "\"Store | None\"", "Store", ""},
		{"python", "Dict[str, List[Part]]", "Dict", "List[Part]"},
		{"typescript", "Promise<Store | null>", "Store", ""},
		{"typescript", "Part[]", "", "Part"},
		{"typescript", "Map<string, Part>", "Map", "Part"},
		{"java", "List<? extends Part>", "List", "? extends Part"},
		{"java", "Part[]", "", "Part"},
		{"rust", "&'a mut Option<Box<dyn base::Saver>>", "base.Saver", ""},
		{"rust", "Result<Vec<Part>, Error>", "Vec", ""},
		{"rust", "&[Part]", "", "Part"},
	} {
		if got := bareType(c.lang, c.text); got != c.bare {
			t.Errorf("%s %s is %q, want %q", c.lang, c.text, got, c.bare)
		}
		if got := elementType(c.lang, c.text); got != c.element && c.element != "" {
			t.Errorf("an element of %s %s is %q, want %q", c.lang, c.text, got, c.element)
		}
	}
}

// TestEverySyntax: the node kinds that the readers name exist in the pinned
// grammars, so that a renamed one is noticed.
func TestEverySyntax(t *testing.T) {
	for lang, name := range map[string]string{"python": "python.go", "go": "golang.go", "tsx": "javascript.go", "java": "java.go", "rust": "rust.go"} {
		kinds := kindsOf(t, lang)
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for l := range strings.Lines(string(src)) {
			l, _, _ = strings.Cut(strings.TrimSpace(l), " //")
			if !strings.HasPrefix(l, "case \"") || !strings.HasSuffix(l, "\":") {
				continue
			}
			for kind := range strings.SplitSeq(strings.Trim(l[5:len(l)-1], `"`), `", "`) {
				if len(kind) > 3 && !kinds[kind] && kind != "make" && kind != "append" && kind != "field_definition" {
					t.Errorf("%s: the grammar of %s has no %s", name, lang, kind)
				}
			}
		}
	}
}
