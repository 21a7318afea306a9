"""Tests of search_code: the original command, grep -rn, is the oracle."""

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
from tool import search_code

TEXT = "import os\n\n\nclass Alpha:\n    def beta(self):\n        return 'two words'  # [x]\n\n\ndef gamma():\n\treturn Alpha\n"
FILES = {
    "a.py": TEXT,
    "b.txt": "alpha\nbeta gamma\n",
    "empty.txt": "",
    "sub/c.py": TEXT + "alpha = 1\n",
    "sub/two words.py": "alpha\n" * 12,
    "sub/-v.py": "alpha -v\n",
    "sub/deep/gr\u00fc\u00df.py": "gr\u00fc\u00df alpha\n",
    ".git/HEAD": "alpha\n",
    "node_modules/x.js": "alpha\n",
    "sub/__pycache__/x.py": "alpha\n",
}
NOISE = ".git .hg .svn __pycache__ node_modules .tox .nox .venv venv .mypy_cache .pytest_cache .ruff_cache .cache".split()
PATTERNS = ["alpha", "Alpha", "def beta", "^class", "two words", "\\[x\\]", "return.*", "none of these", "-v", "", "gr\u00fc\u00df", "a\\|b", "$(id)", "'"]


@pytest.fixture(scope="module", autouse=True)
def tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Build the tree and work in it."""
    root = tmp_path_factory.mktemp("tree")
    for name, content in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content.encode())
    (root / "binary.py").write_bytes(b"alpha\0\n")
    (root / "pipe").symlink_to("missing")
    before = Path.cwd()
    os.chdir(root)
    yield root
    os.chdir(before)


def oracle(patterns: list[str], path: str, include: str, context: int) -> list[str]:
    """Run the original command."""
    command = ["grep", "-rnIH", f"-C{context}", f"--include={include}", *(f"--exclude-dir={name}" for name in NOISE)]
    for pattern in patterns:
        command += ["-e", pattern]
    done = subprocess.run([*command, path], capture_output=True, check=False, env=os.environ | {"LC_ALL": "C.UTF-8"})
    return sorted(line for line in done.stdout.decode().splitlines() if line != "--")


def agree(patterns: list[str], path: str, include: str, context: int) -> None:
    """The tool finds what the command finds, file by file in order."""
    found = search_code(patterns=patterns, path=path, include=include, context=context)
    assert sorted(line for line in found.splitlines() if line != "--") == oracle(patterns, path, include, context)


@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("path", [".", "sub", "./sub/deep"])
@pytest.mark.parametrize("context", [0, 2])
def test_agrees_with_grep(pattern: str, path: str, context: int) -> None:
    """Every pattern in every folder."""
    agree([pattern], path, "*", context)


@settings(max_examples=25, deadline=None, derandomize=True, database=None)
@given(
    patterns=st.lists(st.sampled_from(PATTERNS), min_size=1, max_size=3),
    include=st.sampled_from(["*", "*.py", "*.txt", "two*", "none"]),
    context=st.integers(0, 50),
)
def test_agrees_on_generated_arguments(patterns: list[str], include: str, context: int) -> None:
    """Any arguments."""
    agree(patterns, ".", include, context)


def test_one_file_and_the_order() -> None:
    """A file by its name, whatever include says; files and lines in order."""
    assert search_code(patterns=["alpha", "gamma"], path="b.txt", include="*.py") == "1:alpha\n2:beta gamma\n"
    found = search_code(patterns=["class"]).splitlines()
    assert found == ["./a.py:4:class Alpha:", "./sub/c.py:4:class Alpha:"]
    assert search_code(patterns=["class"], path="a.py", context=1) == "3-\n4:class Alpha:\n5-    def beta(self):\n"


def test_many_files_go_in_several_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """The result is the same, and files are still apart."""
    assert tool.AT_ONCE == 500
    whole = search_code(patterns=["alpha"], context=1)
    monkeypatch.setattr(tool, "AT_ONCE", 1)
    assert search_code(patterns=["alpha"], context=1) == whole
    assert "--" not in search_code(patterns=["class"])


def test_long_results_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole lines only, and it is said."""
    assert tool.MAX_TEXT == 30_000
    monkeypatch.setattr(tool, "MAX_TEXT", 12)
    assert search_code(patterns=["alpha"], path="sub/two words.py") == "1:alpha\n[cut: name a folder or a narrower pattern]\n"
    monkeypatch.setattr(tool, "MAX_TEXT", 8)
    assert search_code(patterns=["alpha"], path="b.txt") == "1:alpha\n"


def test_odd_names_are_no_options() -> None:
    """A file named like a flag is a file."""
    os.chdir("sub")
    try:
        assert search_code(patterns=["-v"], path="-v.py") == "1:alpha -v\n"
    finally:
        os.chdir("..")


@pytest.mark.parametrize("wrong", [{"patterns": "alpha"}, {"patterns": [1]}, {"path": None}, {"include": 1}, {"context": "1"}, {"context": True}])
def test_wrong_types_are_refused(wrong: dict[str, object]) -> None:
    """A list of strings, strings and an integer."""
    with pytest.raises(TypeError, match="must be"):
        search_code(**({"patterns": ["alpha"]} | wrong))


@pytest.mark.parametrize("wrong", [{"patterns": []}, {"patterns": ["a\0"]}, {"path": ""}, {"path": "a\0"}, {"context": -1}, {"context": 51}])
def test_wrong_values_are_refused(wrong: dict[str, object]) -> None:
    """Within the schema's range."""
    with pytest.raises(ValueError, match="must"):
        search_code(**({"patterns": ["alpha"]} | wrong))


def test_what_grep_refuses_is_an_error() -> None:
    """A pattern that cannot be read, and a path that is not there."""
    with pytest.raises(ValueError, match="grep"):
        search_code(patterns=["\\("])
    with pytest.raises(FileNotFoundError):
        search_code(patterns=["alpha"], path="missing")


def test_main(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """As a program: the hits and 0, or an error and 1."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps({"patterns": ["beta"], "path": "b.txt"})))
    assert (tool.main(), capsys.readouterr().out) == (0, "2:beta gamma\n")
    monkeypatch.setattr(sys, "stdin", io.StringIO('{"patterns": ["x"], "path": "missing"}'))
    assert tool.main() == 1
    assert "FileNotFoundError" in capsys.readouterr().err
