package toolforge

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestRulesSeeThroughDisguise holds guest/rules.py against ways to reach a
// denied function without writing its name where the rules look for it.
func TestRulesSeeThroughDisguise(t *testing.T) {
	script, err := filepath.Abs("guest/rules.py")
	if err != nil {
		t.Fatal(err)
	}
	body := func(head, line string) string { return head + "\n\n\ndef f(x: str) -> object:\n    " + line + "\n" }
	noTest := "def test_a():\n    assert 1 < 2\n"
	for _, c := range []struct{ name, tool, test, rule string }{
		{"fine", body("import os.path\nimport subprocess\nimport operator", `return [subprocess.run(["ls", os.path.basename(x)], check=False), operator.itemgetter(0)(x), getattr(x, "title")]`), noTest, ""},
		{"annotation", body("import subprocess", "run: subprocess.Popen[bytes] | None = None\n    return run"), noTest, ""},
		{"module in a variable", body("import os", "o = os\n    return o.system(x)"), noTest, "module-value"},
		{"module in a list", body("import os", "return [os][0].system(x)"), noTest, "module-value"},
		{"module by another", body("import shutil", "return shutil.os.system(x)"), noTest, "hidden-import"},
		{"module from another", body("from shutil import os", "return os.system(x)"), noTest, "hidden-import"},
		{"module below itself", body("import os.path as p", "return p.os.system(x)"), noTest, "hidden-import"},
		{"private module", body("import _posixsubprocess", "return _posixsubprocess.fork_exec(x)"), noTest, "denied-import"},
		{"import after the call", "def f(x):\n    return o.system(x)\n\n\nimport os as o\n", noTest, "denied-call"},
		{"one name twice", "def f(x):\n    import os as o\n    return o.system(x)\n\n\nimport json as o\n", noTest, "rebound-import"},
		{"getattr by another name", body("import os\ng = getattr", `return g(os, "sys" + "tem")(x)`), noTest, "denied-call"},
		{"match", body("import os", "match os:\n        case object(system=s):\n            return s(x)\n    return 0"), noTest, "module-value"},
		{"match a class", body("", "match x:\n        case object(__class__=s):\n            return s\n    return 0"), noTest, "dunder"},
		{"attrgetter", body("import operator", `return operator.attrgetter("a.__class__")(x)`), noTest, "denied-call"},
		{"format", body("", `return "{0.__class__}".format(x)`), noTest, "dunder"},
		{"run by another name", body("import subprocess\nrun = subprocess.run", "return run(x, shell=True)"), noTest, "denied-call"},
		{"tuple", body("import subprocess", `return subprocess.run(("sh", "-c", x))`), noTest, "interpreter"},
		{"words of a text", body("import subprocess", `return subprocess.run("sh -c id".split())`), noTest, "shell"},
		{"code from text", body("import timeit", "return timeit.timeit(x)"), noTest, "denied-import"},
		{"name from text", body("from unittest import mock", `return mock.patch("os.system").getter()(x)`), noTest, "denied-import"},
		{"annotation as code", body("from typing import get_type_hints", "return get_type_hints(x)"), noTest, "denied-import"},
		{"configured", body("import logging.config", "return logging.config.dictConfig({})"), noTest, "denied-import"},
		{"the tool's module in a test", body("import os", "return os.getcwd()"), "import tool\n\n\ndef test_a():\n    assert tool.os.system('id') == 0\n", "denied-call"},
		{"hook in a test", body("", "return x"), "pytest_plugins = ['test_tool']\n\n\ndef pytest_runtest_call(item):\n    pass\n\n\n" + noTest, "test-hook"},
		{"variable", body("import os", `return os.environ["TOKEN"] + os.getenv("PATH", "")`), noTest, "environment"},
		{"variable by its value", body("import os", `return os.environ.get(x)`), noTest, "environment"},
		{"variables of the sandbox", body("import os", `return os.environ["HOME"] + os.getenv("PATH", "")`), noTest, ""},
		{"end of the tests", body("", "return x"), "import os\n\n\ndef test_a():\n    assert 1 < 2\n    os._exit(0)\n", "denied-call"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			judged(t, script, "none", c.tool, c.test, c.rule)
		})
	}
}

// judged runs the rules on a tool with one permission, and wants one rule
// among the findings, or none at all.
func judged(t *testing.T, script, filesystem, tool, test, rule string) {
	t.Helper()
	judgedOn(t, script, "imports", filesystem, tool, test, rule)
}

// judgedOn is judged with the rules of one matter.
func judgedOn(t *testing.T, script, matter, filesystem, tool, test, rule string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"tool.py": tool, "test_tool.py": test} {
		if err := os.MkdirAll(filepath.Join(dir, "tool"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "tool", name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "/usr/bin/python3", "-I", script, matter)
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(`{"name":"f","permissions":{"filesystem":"`+filesystem+`"},"parameters":["x"]}`)
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var a map[string][]struct{ Rule, Message string }
	if err := json.Unmarshal(out, &a); err != nil {
		t.Fatal(err)
	}
	found := rule == "" && len(a[matter]) == 0
	for _, f := range a[matter] {
		found = found || f.Rule == rule
	}
	if !found {
		t.Errorf("want %q, found %+v", rule, a[matter])
	}
}

// TestRulesKnowWhatReachesFiles holds guest/reach.py against ways to read and
// write files without open, and against uses that reach none.
func TestRulesKnowWhatReachesFiles(t *testing.T) {
	script, err := filepath.Abs("guest/rules.py")
	if err != nil {
		t.Fatal(err)
	}
	body := func(head, line string) string {
		return head + "\n\n\ndef f(x: str, n: int) -> object:\n    " + line + "\n"
	}
	run := func(words string) string { return "return subprocess.run([" + words + "], check=False)" }
	for _, c := range []struct{ filesystem, head, line, rule string }{
		{"none", "import zipfile", `return zipfile.ZipFile(x, "w")`, "writes"},
		{"none", "import zipfile", `return zipfile.ZipFile(x)`, "reads"},
		{"read", "import zipfile", `return zipfile.ZipFile(x).extractall()`, "writes"},
		{"read", "import zipfile", "with zipfile.ZipFile(x) as z:\n        return z.extract(x)", "writes"},
		{"read", "import zipfile", "with zipfile.ZipFile(x) as z:\n        return z.open(x).read()", ""},
		{"none", "import io\nimport zipfile", "with io.BytesIO() as b:\n        with zipfile.ZipFile(b, \"w\") as z:\n            return z.namelist()", ""},
		{"none", "import io\nimport zipfile", "b = io.BytesIO()\n    for b in [x]:\n        pass\n    return zipfile.ZipFile(b, \"w\")", "writes"},
		{"none", "import gzip\nimport io", "b = io.BytesIO()\n    return gzip.GzipFile(fileobj=b, mode=\"wb\")", ""},
		{"none", "import tarfile", `return tarfile.open("foo", "w")`, "writes"},
		{"read", "import gzip", `return gzip.open(x, "rb")`, ""},
		{"read", "import codecs", `return codecs.open("foo", "w")`, "writes"},
		{"read", "import bz2", `return bz2.BZ2File(x, "ab")`, "writes"},
		{"read", "import io", `return io.FileIO(x, "w")`, "writes"},
		{"none", "import sqlite3", `return sqlite3.connect(":memory:").execute("select 1")`, ""},
		{"none", "import sqlite3", `return sqlite3.connect(f"file:{x}?mode=ro", uri=True)`, "reads"},
		{"read", "import sqlite3", `return sqlite3.connect(x)`, "writes"},
		{"read", "import sqlite3", `return sqlite3.connect(f"file:{x}?mode=ro", uri=True)`, ""},
		{"read", "import sqlite3", `return sqlite3.connect(":memory:").execute("ATTACH DATABASE ? AS a", (x,))`, "writes"},
		{"read", "import dbm", `return dbm.open(x, "c")`, "writes"},
		{"read", "import shelve", `return shelve.open(x)`, "denied-import"},
		{"none", "import logging", `return logging.FileHandler(x)`, "writes"},
		{"none", "import logging", `return logging.basicConfig(filename=x)`, "writes"},
		{"none", "import logging.handlers", `return logging.handlers.HTTPHandler(x, x)`, "network-import"},
		{"none", "import tempfile", `return tempfile.NamedTemporaryFile()`, ""},
		{"none", "import tempfile", `return tempfile.mktemp()`, "writes"},
		{"none", "import tempfile\nfrom pathlib import Path", "with tempfile.TemporaryDirectory() as d:\n        p = Path(d) / \"a\"\n        p.write_text(x)\n        return p.read_text()", ""},
		{"none", "import os\nimport tempfile", "d, p = tempfile.mkstemp()\n    os.close(d)\n    with open(p, \"w\") as file:\n        file.write(x)\n    os.unlink(p)", ""},
		{"none", "import tempfile\nfrom pathlib import Path", "with tempfile.TemporaryDirectory() as d:\n        return (Path(d) / x).read_text()", "reads"},
		{"none", "import tempfile\nfrom pathlib import Path", "with tempfile.TemporaryDirectory() as d:\n        return (Path(d) / \"../../etc/passwd\").read_text()", "reads"},
		{"none", "import tempfile", "with tempfile.TemporaryDirectory() as d:\n        d = x\n        return open(d)", "reads"},
		{"none", "import tempfile", "with tempfile.TemporaryDirectory(dir=\".\") as d:\n        return open(d + \"/a\", \"w\")", "writes"},
		{"read", "import tempfile", `return tempfile.TemporaryFile(dir=x)`, "writes"},
		{"none", "import tempfile", `return tempfile.TemporaryFile()`, ""},
		{"read", "import os", `return os.open(x, os.O_WRONLY | os.O_CREAT)`, "writes"},
		{"read", "from pathlib import Path", `return getattr(Path(x), "write_text")("a")`, "writes"},
		{"read", "from pathlib import Path", "save = Path(x).write_text\n    return save(x)", "writes"},
		{"read", "from pathlib import Path", "make = Path(x).open\n    return make(\"w\")", "denied-call"},
		{"read", "import operator\nfrom pathlib import Path", `return operator.methodcaller("unlink")(Path(x))`, "writes"},
		{"read", "from pathlib import Path", `return Path(x).replace(x)`, "writes"},
		{"none", "", `return x.replace("a", "b")`, ""},
		{"read", "", `return open(x, **{"mode": "w"})`, "writes"},
		{"read", "", `return open(*[x, "w"])`, "writes"},
		{"read", "import fileinput", `return fileinput.input(x, inplace=True)`, "writes"},
		{"none", "import linecache", `return linecache.getline(x, 1)`, "reads"},
		{"none", "import xml.etree.ElementTree as et", `return et.ElementTree(et.Element("a")).write(x)`, "writes"},
		{"none", "import configparser", `return configparser.ConfigParser().read(x)`, "reads"},
		{"none", "from pathlib import PurePath", `return PurePath(x).name`, ""},
		{"none", "import subprocess", run(`"tee", x`), "writes"},
		{"read", "import subprocess", run(`"sed", "-i", "s/a/b/", x`), "writes"},
		{"read", "import subprocess", run(`"sed", x, "a.txt"`), "interpreter"},
		{"read", "import subprocess", run(`"sed", "-n", f"{n}p", x`), ""},
		{"read", "import subprocess", run(`"sed", "--sandbox", x, "a.txt"`), ""},
		{"read", "import subprocess", run(`x, "a.txt"`), "dynamic-program"},
		{"read", "import shlex\nimport subprocess", "words = shlex.split(x) + [\"a.txt\"]\n    return subprocess.run(words, check=False)", "dynamic-program"},
		{"read", "import shlex\nimport subprocess", "words = shlex.split(\"wc -l\") + [x]\n    return subprocess.run(words, check=False)", ""},
		{"read", "import shutil\nimport subprocess", "git = shutil.which(\"git\")\n    return subprocess.run([git, \"status\"], check=False)", ""},
		{"read", "import subprocess", run(`"awk", "-F", x, "-f", x`), "interpreter"},
		{"read", "import subprocess", run(`"find", ".", "-exec", "sh", "-c", x, ";"`), "interpreter"},
		{"read", "import subprocess", run(`"find", ".", "-name", x, "-delete"`), "writes"},
		{"read", "import subprocess", run(`"xargs", "python3", "-c", x`), "interpreter"},
		{"read", "import subprocess", run(`"xargs", "wc", "-l"`), ""},
		{"read", "import subprocess", run(`"timeout", "5", "curl", x`), "network-program"},
		{"none", "import string", `return string.Formatter().get_field("0.a", (x,), {})`, "denied-call"},
		{"none", "import sys", `return sys.exc_info()[2].tb_frame`, "dunder"},
		{"none", "", `return (i for i in x).gi_frame.f_builtins`, "dunder"},
		{"none", "import enum", `return enum.bltns.eval(x)`, "denied-call"},
		{"none", "", `return x.__class__.__name__`, ""},
		{"write", "from pathlib import Path", `return Path.home().joinpath("a").write_text(x)`, "outside"},
		{"write", "from pathlib import Path", `return Path("/etc/hosts").write_text(x)`, "outside"},
		{"read", "import os", `return open(os.path.expanduser("~/.netrc"))`, "outside"},
		{"read", "import os", `return os.path.expanduser(x)`, ""},
		{"none", "", `return x.__class__.__mro__`, "dunder"},
		{"none", "import types", `return types.FunctionType(types.CodeType(), {})`, "denied-call"},
		{"none", "import pipes", `return pipes.Template()`, "denied-import"},
		{"none", "import tkinter", `return tkinter.Tcl().eval(x)`, "denied-import"},
		{"write", "import sys", `return sys.path.insert(0, x)`, "denied-call"},
		{"none", "import os", `return dict(os.environ)`, "environment"},
		{"none", "import os\nimport subprocess", `return subprocess.run(["ls"], env=os.environ | {"LC_ALL": "C"}, check=False)`, ""},
	} {
		t.Run(c.filesystem+" "+c.line, func(t *testing.T) {
			t.Parallel()
			judged(t, script, c.filesystem, body(c.head, c.line), "def test_a():\n    assert 1 < 2\n", c.rule)
		})
	}
}

// TestRulesOfSecurity holds the rules on keys, on what is kept from call to
// call and on SQL against ways to hide them, and against uses that are none.
func TestRulesOfSecurity(t *testing.T) {
	script, err := filepath.Abs("guest/rules.py")
	if err != nil {
		t.Fatal(err)
	}
	f := func(body string) string { return "\n\n\ndef f(x: str, n: int) -> object:\n    " + body + "\n" }
	sql := "import sqlite3\nbase = sqlite3.connect(\":memory:\")"
	for _, c := range []struct{ name, tool, rule string }{
		{"halves of a token", "_A = \"ghp_q8Zr3TwVxY6n\"\n_B = \"K4mJhG7sDfL2pQ9wEeRtYuIo\"" + f("return _A + _B + x"), "secret"},
		{"halves that are no token", "_A = \"hello \"\n_B = \"world\"" + f("return _A + _B + x"), ""},
		{"a key by its look", "_SALT_OF_NAMES = b\"q8Zr3TwVxY6nK4mJhG7sDfL2pQ9wEeRtYuIo\"" + f("return x"), "secret"},
		{"an alphabet", "_LETTERS = \"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/\"" + f("return _LETTERS[n]"), ""},
		{"a digest", "_KNOWN = \"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"" + f("return x == _KNOWN"), ""},
		{"a long name", "_NAME = \"Lib/SitePackages/Example2Package/Module3Name/FileName\"" + f("return _NAME + x"), ""},
		{"a cache", "import functools\n\n\n@functools.cache\ndef g(x: str) -> str:\n    return x.upper()" + f("return g(x)"), "kept-state"},
		{"a cache with None", "from functools import lru_cache\n\n\n@lru_cache(None)\ndef g(x: str) -> str:\n    return x.upper()" + f("return g(x)"), "kept-state"},
		{"a cache of methods", "from functools import lru_cache\n\n\nclass A:\n    @lru_cache(maxsize=None)\n    def g(self) -> int:\n        return 1" + f("return A().g()"), "kept-state"},
		{"a cache with a bound", "from functools import lru_cache\n\n\n@lru_cache(maxsize=128)\ndef g(x: str) -> str:\n    return x.upper()" + f("return g(x)"), ""},
		{"a cache of one value", "from functools import cache\n\n\n@cache\ndef g() -> str:\n    return \"a\"" + f("return g() + x"), ""},
		{"a cache within a call", "import functools" + f("@functools.cache\n    def g(i: int) -> int:\n        return i if i < 2 else g(i - 1) + g(i - 2)\n\n    return g(n)"), ""},
		{"a list of a class", "class A:\n    seen: list[str] = []\n\n    def g(self, x: str) -> None:\n        self.seen.append(x)" + f("return A().g(x)"), "kept-state"},
		{"a list of an object", "class A:\n    def __init__(self) -> None:\n        self.seen: list[str] = []\n\n    def g(self, x: str) -> None:\n        self.seen.append(x)" + f("return A().g(x)"), ""},
		{"a field", "from dataclasses import dataclass, field\n\n\n@dataclass\nclass A:\n    seen: list[str] = field(default_factory=list)\n\n    def g(self, x: str) -> None:\n        self.seen.append(x)" + f("return A().g(x)"), ""},
		{"SQL with a name", sql + f("return base.execute(\"SELECT * FROM t WHERE a = '\" + x + \"'\")"), "sql-injection"},
		{"SQL by steps", sql + f("where = f\"a = '{x}'\"\n    query = \"SELECT * FROM t WHERE {}\".format(where)\n    return base.execute(query)"), "sql-injection"},
		{"SQL with a parameter", sql + f("return base.execute(\"SELECT * FROM t WHERE a = ?\", (x,))"), ""},
		{"SQL with a number", sql + f("return base.execute(f\"SELECT * FROM t LIMIT {n}\")"), ""},
		{"SQL with marks", sql + f("marks = \", \".join(\"?\" * n)\n    return base.execute(f\"SELECT * FROM t WHERE a IN ({marks})\", [x] * n)"), ""},
		{"SQL with a name that is known", sql + f("if x not in (\"a\", \"b\"):\n        raise ValueError(x)\n    return base.execute(f\"SELECT {x} FROM t\")"), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			judgedOn(t, script, "secrets", "none", c.tool, "def test_a():\n    assert 1 < 2\n", c.rule)
		})
	}
}
