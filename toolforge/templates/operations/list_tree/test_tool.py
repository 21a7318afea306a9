"""Tests of list_tree: the original command, find, is the oracle."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tool
from tool import list_tree

FILES = [
    "README.md", "setup.py", "src/app.py", "src/deep/er/est.py", "src/deep/-dash.txt", "src/two words.py", "src/gr\u00fc\u00df.py",
    "src/__pycache__/app.cpython-311.pyc", "src/app.pyc", "src/old.pyo", "src/native.o", ".git/HEAD", ".git/objects/aa/bb", "web/node_modules/x/index.js",
    "web/index.js", "lib.egg-info/PKG-INFO", ".hg/x", ".svn/x", ".tox/x", ".nox/x", ".venv/x", "venv/x", ".mypy_cache/x", ".pytest_cache/x",
    ".ruff_cache/x", ".cache/x", ".hidden", "a/b/c/d/e/f.txt",
]
NOISE = ".git .hg .svn __pycache__ node_modules .tox .nox .venv venv .mypy_cache .pytest_cache .ruff_cache .cache *.pyc *.pyo *.o *.egg-info".split()


@pytest.fixture(scope="module", autouse=True)
def tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Build the tree and work in it."""
    root = tmp_path_factory.mktemp("tree")
    for name in FILES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x\n")
    (root / "empty").mkdir()
    (root / "link").symlink_to("src")
    before = Path.cwd()
    os.chdir(root)
    yield root
    os.chdir(before)


def oracle(path: str, depth: int, name: str) -> list[str]:
    """Run the original command."""
    prune: list[str] = []
    for noise in NOISE:
        prune += ["-name", noise, "-o"]
    wanted = ["-name", name, "!", "-type", "d"] if name != "*" else []
    command = ["find", path, "-mindepth", "1", "-maxdepth", str(depth), "(", *prune[:-1], ")", "-prune", "-o", *wanted, "-printf", "%P\\t%y\\n"]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    return sorted(one + "/" * (kind == "d") for one, kind in (line.split("\t") for line in done.stdout.splitlines()))


@pytest.mark.parametrize("path", [".", "src", "./src", "src/deep", "empty", "web", "a"])
@pytest.mark.parametrize("depth", [1, 2, 3, 20])
@pytest.mark.parametrize("name", ["*", "*.py", "*.txt", "?*", "[", "none"])
def test_agrees_with_find(path: str, depth: int, name: str) -> None:
    """Every folder, depth and pattern."""
    assert sorted(list_tree(path=path, depth=depth, name=name).splitlines()) == oracle(path, depth, name)


@settings(max_examples=25, deadline=None, derandomize=True, database=None)
@given(depth=st.integers(1, 20), name=st.sampled_from(["*", "*.py", "*a*", "-*", "*.js", "READ*"]))
def test_agrees_on_generated_arguments(depth: int, name: str) -> None:
    """Any arguments."""
    assert sorted(list_tree(depth=depth, name=name).splitlines()) == oracle(".", depth, name)


def test_order_and_defaults() -> None:
    """Names in order, folders before what is in them, two levels."""
    assert list_tree(path="src") == "app.py\ndeep/\ndeep/-dash.txt\ndeep/er/\ngr\u00fc\u00df.py\ntwo words.py\n"
    assert list_tree() == list_tree(path=".", depth=2, name="*")
    assert "link\n" in list_tree() and "link/" not in list_tree()


def test_changes_nothing_and_repeats(tree: Path) -> None:
    """Two calls give the same."""
    before = sorted(tree.rglob("*"))
    assert list_tree(depth=20) == list_tree(depth=20)
    assert sorted(tree.rglob("*")) == before


def test_long_listings_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """At most so many names, and how many more."""
    assert tool.MAX_ENTRIES == 500
    monkeypatch.setattr(tool, "MAX_ENTRIES", 2)
    assert list_tree(path="src") == "app.py\ndeep/\n[cut: 4 more]\n"
    monkeypatch.setattr(tool, "MAX_ENTRIES", 6)
    assert "cut" not in list_tree(path="src")


def test_folders_that_may_not_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """One of them does not end the listing."""
    real = os.scandir

    def guarded(path: str) -> object:
        if path.endswith("deep"):
            raise PermissionError(path)
        return real(path)

    monkeypatch.setattr(os, "scandir", guarded)
    assert "deep/[not readable]\n" in list_tree(path="src")


@pytest.mark.parametrize("wrong", [{"path": 1}, {"name": None}, {"depth": "2"}, {"depth": True}, {"depth": 1.5}])
def test_wrong_types_are_refused(wrong: dict[str, object]) -> None:
    """Strings and an integer."""
    with pytest.raises(TypeError, match="must be"):
        list_tree(**wrong)


@pytest.mark.parametrize("wrong", [{"path": ""}, {"path": "a\0b"}, {"depth": 0}, {"depth": 21}])
def test_wrong_values_are_refused(wrong: dict[str, object]) -> None:
    """Within the schema's range."""
    with pytest.raises(ValueError, match="must"):
        list_tree(**wrong)


def test_missing_folder() -> None:
    """A folder that is not there."""
    with pytest.raises(FileNotFoundError):
        list_tree(path="missing")


def test_main(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """As a program: the names and 0, or an error and 1."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps({"path": "web", "depth": 1})))
    assert (tool.main(), capsys.readouterr().out) == (0, "index.js\n")
    monkeypatch.setattr(sys, "stdin", io.StringIO('{"path": "missing"}'))
    assert tool.main() == 1
    assert "FileNotFoundError" in capsys.readouterr().err
