"""Tests of show_definition: the original commands are the oracle.

grep says where a definition begins, sed prints its lines.
"""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tool
from tool import show_definition

PYTHON = '''import os


class Alpha(Base):
    """A class."""

    def beta(self):
        text = """
def gamma():
not code
"""
        return text


async def delta(
    one,
    two,
):

    return one


def Alphabet(): return 1
'''
GO = 'package x\n\ntype Store struct {\n\tname string\n}\n\nfunc (s *Store) Open(\n\tname string,\n) error {\n\tif name == "" {\n\t\treturn nil\n\t}\n\n\treturn nil\n}\n\nfunc Close() {}\n'
FILES = {
    "a.py": PYTHON,
    "sub/b.py": "class Alpha:\n    x = 1\n\n    y = 2\n\nz = 3\n",
    "sub/broken.py": "def alpha(:\n    return 1\n\ndef omega():\n    return (\n        2\n    )\n",
    "store.go": GO,
    "app.ts": "export default class Page {\n  render() {\n    return 1;\n  }\n}\n\nexport async function load() {\n  return 2;\n}\n",
    "notes.txt": "class Alpha: not looked at in a folder\n",
    "node_modules/x.py": "class Alpha: pass\n",
    "dup/d.py": "def twin():\n    return 0\n\n\n" * 30,
}


@pytest.fixture(scope="module", autouse=True)
def tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Build the tree and work in it."""
    root = tmp_path_factory.mktemp("tree")
    for name, content in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content.encode())
    before = Path.cwd()
    os.chdir(root)
    yield root
    os.chdir(before)


def shown(text: str) -> list[tuple[str, int, int, str]]:
    """Path, first, last and lines of each definition in a result."""
    parts = re.findall(r"==> (.+):(\d+)-(\d+) <==\n((?: *\d+\t.*\n)*)", text)
    return [(path, int(first), int(last), body) for path, first, last, body in parts]


def oracle(name: str, path: str) -> list[int]:
    """Where the original search finds definitions of a name in one file."""
    done = subprocess.run(["grep", "-nE", rf"^\s*(async )?(class|def|func|type) +{name}\b", path], capture_output=True, check=False, text=True)
    return [int(line.split(":")[0]) for line in done.stdout.splitlines()]


def look(path: str, first: int, last: int) -> str:
    """What the original look prints."""
    return subprocess.run(["sh", "-c", 'nl -ba "$1" | sed -n "$2"', "sh", path, f"{first},{last}p"], capture_output=True, check=True, text=True).stdout


@pytest.mark.parametrize("name", ["Alpha", "beta", "delta", "Alphabet"])
def test_agrees_with_search_and_look(name: str) -> None:
    """The same place, and the same lines."""
    found = shown(show_definition(name=name, path="a.py"))
    assert [first for _, first, _, _ in found] == oracle(name, "a.py")
    for path, first, last, body in found:
        assert body == look(path, first, last)


@pytest.mark.parametrize(
    "path, name, first, last",
    [
        ("a.py", "Alpha", 4, 12), ("a.py", "beta", 7, 12), ("a.py", "delta", 15, 20), ("a.py", "Alphabet", 23, 23), ("sub/b.py", "Alpha", 1, 4),
        ("store.go", "Store", 3, 5), ("store.go", "Close", 17, 17), ("app.ts", "Page", 1, 5), ("app.ts", "load", 7, 9),
        ("sub/broken.py", "omega", 4, 7), ("sub/broken.py", "alpha", 1, 2),
    ],
)
def test_where_a_block_ends(path: str, name: str, first: int, last: int) -> None:
    """By the syntax in Python, else by indentation."""
    assert [one[:3] for one in shown(show_definition(name=name, path=path))] == [(path, first, last)]


def test_names_in_texts_are_no_definitions() -> None:
    """Nor are longer names."""
    assert show_definition(name="gamma") == "no definition of gamma in .\n"
    assert show_definition(name="Alph") == "no definition of Alph in .\n"
    text = show_definition(name="Alpha")
    assert ([one[0] for one in shown(text)], text.split("\n\n")[-1] == "", text.endswith("\nalso defined in:\nsub/b.py:1-4\n")) == (["a.py"], False, True)
    assert shown(show_definition(name="Alpha", path="notes.txt"))[0][:3] == ("notes.txt", 1, 1)


def test_methods_with_a_receiver() -> None:
    """Go puts the receiver before the name."""
    assert shown(show_definition(name="Open"))[0][:2] == ("store.go", 7)


def test_decorators_belong_to_it(tree: Path) -> None:
    """They stand above."""
    (tree / "deco.py").write_text("import functools\n\n\n@functools.cache\n@staticmethod\ndef cached():\n    return 1\n")
    assert shown(show_definition(name="cached"))[0][1:3] == (4, 7)
    (tree / "deco.py").unlink()


names = st.sampled_from(["one", "two", "three", "Four"])


@settings(max_examples=30, deadline=None, derandomize=True, database=None)
@given(parts=st.lists(st.tuples(names, st.integers(1, 5), st.booleans()), min_size=1, max_size=6), name=names)
def test_agrees_on_generated_files(parts: list[tuple[str, int, bool]], name: str) -> None:
    """Any file of functions and classes."""
    text = ""
    for one, size, is_class in parts:
        text += (f"class {one}:\n" if is_class else f"def {one}():\n") + "    x = 1\n\n" * size + "\nafter = 1\n\n\n"
    Path("made.py").write_text(text, encoding="utf-8")
    found = shown(show_definition(name=name, path="made.py"))
    starts = oracle(name, "made.py")
    assert [first for _, first, _, _ in found] == starts[:1]
    for (_, first, last, body), size in zip(found, [size for one, size, _ in parts if one == name]):
        assert (last - first, body) == (2 * size - 1, look("made.py", first, last))
    os.remove("made.py")


def test_many_definitions(monkeypatch: pytest.MonkeyPatch) -> None:
    """One is shown, twenty more named, the rest counted; long ones are cut."""
    text = show_definition(name="twin", path="dup")
    assert len(shown(text)) == 1
    assert text.split("also defined in:\n")[1].splitlines()[:1] == ["dup/d.py:5-6"]
    assert len(text.split("also defined in:\n")[1].splitlines()) == 21
    assert text.endswith("[cut: 9 more]\n")
    monkeypatch.setattr(tool, "MAX_LINES", 2)
    assert shown(show_definition(name="Alpha", path="a.py")) == [("a.py", 4, 12, look("a.py", 4, 5))]
    monkeypatch.setattr(tool, "MAX_NAMED", 29)
    assert "cut" not in show_definition(name="twin", path="dup")
    monkeypatch.setattr(tool, "MAX_BYTES", 10)
    assert show_definition(name="twin", path="dup") == "no definition of twin in dup\n"
    assert tool.NOISE >= {".git", "node_modules"}


@pytest.mark.parametrize("wrong", [{"name": 1}, {"path": None}])
def test_wrong_types_are_refused(wrong: dict[str, object]) -> None:
    """Strings."""
    with pytest.raises(TypeError, match="must be strings"):
        show_definition(**({"name": "Alpha"} | wrong))


@pytest.mark.parametrize("wrong", [{"name": ""}, {"name": "a b"}, {"name": "1a"}, {"name": "a.*"}, {"path": ""}, {"path": "a\0"}, {"name": "x" * 201}])
def test_wrong_values_are_refused(wrong: dict[str, str]) -> None:
    """One identifier, one path."""
    with pytest.raises(ValueError, match="must"):
        show_definition(**({"name": "Alpha"} | wrong))


def test_missing_path() -> None:
    """A path that is not there."""
    with pytest.raises(FileNotFoundError):
        show_definition(name="Alpha", path="missing.py")


def test_main(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """As a program: the definition and 0, or an error and 1."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps({"name": "Close"})))
    assert (tool.main(), capsys.readouterr().out) == (0, "==> store.go:17-17 <==\n    17\tfunc Close() {}\n")
    monkeypatch.setattr(sys, "stdin", io.StringIO('{"name": "x", "path": "missing"}'))
    assert tool.main() == 1
    assert "FileNotFoundError" in capsys.readouterr().err
