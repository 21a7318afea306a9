"""Tests of replace_in_file: the original command, sed -i, is the oracle."""

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
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import tool
from tool import replace_in_file

TEXT = "import os\n\n\ndef alpha(x):\n    return x  # a/b & [c]*\n\n\ndef beta():\n\treturn 'two words'\n"


@pytest.fixture(autouse=True)
def tree(tmp_path: Path) -> Iterator[Path]:
    """A file, and work beside it."""
    (tmp_path / "a.py").write_bytes(TEXT.encode())
    before = Path.cwd()
    os.chdir(tmp_path)
    yield tmp_path
    os.chdir(before)


def oracle(content: str, old: str, new: str) -> str:
    """Run the original command on a copy."""
    Path("copy").write_bytes(content.encode())
    script = "s/" + re.sub(r"([\[\]\\/.*^$])", r"\\\1", old) + "/" + re.sub(r"([\\/&])", r"\\\1", new) + "/"
    subprocess.run(["sed", "-i", script, "copy"], check=True, env=os.environ | {"LC_ALL": "C.UTF-8"})
    return Path("copy").read_bytes().decode()


@pytest.mark.parametrize(
    "old, new",
    [("alpha", "omega"), ("return x", "return x + 1"), ("a/b & [c]*", "&\\1/$"), ("'two words'", ""), ("import os", "import sys"), ("beta():", "gr\u00fc\u00df():")],
)
def test_agrees_with_sed(old: str, new: str) -> None:
    """The file holds what sed would have left."""
    replace_in_file(path="a.py", old=old, new=new)
    assert Path("a.py").read_bytes().decode() == oracle(TEXT, old, new)


words = st.text("ab/&.*[]\\$^ \u00e9", min_size=1, max_size=4)


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(lines=st.lists(words, min_size=1, max_size=6), old=words, new=st.text("ab/&\\1 ", max_size=4), at=st.integers(0, 5))
def test_agrees_on_generated_files(lines: list[str], old: str, new: str, at: int) -> None:
    """Any text on any line, when it stands there once."""
    lines[at % len(lines)] += old
    content = "".join(line + "\n" for line in lines)
    start = content.find(old)
    assume(content.find(old, start + 1) < 0)
    Path("made").write_bytes(content.encode())
    replace_in_file(path="made", old=old, new=new)
    assert Path("made").read_bytes().decode() == oracle(content, old, new)


def by_number(content: str, script: str) -> str:
    """Run the other original command, sed -i with line numbers."""
    Path("copy").write_bytes(content.encode())
    subprocess.run(["sed", "-i", script, "copy"], check=True, env=os.environ | {"LC_ALL": "C.UTF-8"})
    return Path("copy").read_bytes().decode()


@settings(max_examples=40, deadline=None, derandomize=True, database=None)
@given(before=st.lists(words, min_size=1, max_size=6), new=st.text("abc", min_size=1, max_size=4), data=st.data())
def test_lines_agree_with_sed(before: list[str], new: str, data: st.DataObject) -> None:
    """Lines changed, deleted, and put behind one."""
    content = "".join(line + "\n" for line in before)
    first = data.draw(st.integers(1, len(before)))
    last = data.draw(st.integers(first, len(before)))
    for lines, text, script in [
        (f"{first}-{last}", new, f"{first},{last}c\\{new}"),
        (f"{first}-{last}", "", f"{first},{last}d"),
        (f"{first}", new + "\n", f"{first}c\\{new}"),
        (f"{first}+", new, f"{first}a\\{new}"),
        ("0+", new, f"1i\\{new}"),
    ]:
        Path("made").write_bytes(content.encode())
        replace_in_file(path="made", lines=lines, new=text)
        assert Path("made").read_bytes().decode() == by_number(content, script)


def test_last_line_without_an_end(tree: Path) -> None:
    """What is put behind it begins on a line of its own."""
    for lines, want in [("2", b"one\nnew\n"), ("2+", b"one\nlast\nnew\n"), ("1-2", b"new\n"), ("1+", b"one\nnew\nlast")]:
        (tree / "open").write_bytes(b"one\nlast")
        replace_in_file(path="open", lines=lines, new="new")
        assert (tree / "open").read_bytes() == want
    (tree / "open").write_bytes(b"")
    assert replace_in_file(path="open", lines="0+", new="new") == "     1\tnew\n     2\t\n"


@pytest.mark.parametrize("lines", ["0", "10", "2-1", "1-10", "10+", "a", "1,2", "-1", "1-", "1-2+", "0-1"])
def test_lines_that_there_are_not(lines: str) -> None:
    """Counted from 1, within the file."""
    with pytest.raises(ValueError, match="lines"):
        replace_in_file(path="a.py", lines=lines, new="x")
    assert Path("a.py").read_bytes().decode() == TEXT


def test_the_place_is_shown() -> None:
    """Two lines around what changed, numbered."""
    assert replace_in_file(path="a.py", old="    return x", new="    y = x\n    return y") == (
        "     3\t\n     4\tdef alpha(x):\n     5\t    y = x\n     6\t    return y  # a/b & [c]*\n     7\t\n     8\t\n"
    )
    assert replace_in_file(path="a.py", old="import os", new="import io").startswith("     1\timport io\n     2\t\n")
    assert replace_in_file(path="a.py", old="two words", new="one").splitlines()[-2:] == ["    10\t\treturn 'one'", "    11\t"]


def test_several_lines_and_other_line_ends(tree: Path) -> None:
    """What is not replaced stays as it is, to the byte."""
    replace_in_file(path="a.py", old="os\n\n\ndef alpha(x):\n", new="os\ndef alpha(x):\n")
    assert Path("a.py").read_text(encoding="utf-8") == TEXT.replace("os\n\n\n", "os\n")
    (tree / "crlf").write_bytes(b"one\r\ntwo\r\nlast")
    assert replace_in_file(path="crlf", old="two", new="2") == "     1\tone\n     2\t2\n     3\tlast\n"
    assert (tree / "crlf").read_bytes() == b"one\r\n2\r\nlast"


def test_mode_stays(tree: Path) -> None:
    """A script stays one."""
    (tree / "a.py").chmod(0o755)
    replace_in_file(path="a.py", old="alpha", new="omega")
    assert (tree / "a.py").stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("old", ["missing", "return", "\n\n", "Alpha"])
def test_nothing_is_written_unless_it_stands_there_once(old: str) -> None:
    """Not there, or more than once; overlapping counts."""
    with pytest.raises(ValueError, match="the text"):
        replace_in_file(path="a.py", old=old, new="x")
    assert Path("a.py").read_bytes().decode() == TEXT
    Path("b").write_text("aaa")
    with pytest.raises(ValueError, match="more than once"):
        replace_in_file(path="b", old="aa", new="b")


@pytest.mark.parametrize("wrong", [{"path": None}, {"old": 1}, {"new": b"x"}, {"lines": 3}])
def test_wrong_types_are_refused(wrong: dict[str, object]) -> None:
    """Strings."""
    with pytest.raises(TypeError, match="must be strings"):
        replace_in_file(**({"path": "a.py", "old": "alpha", "new": "x"} | wrong))


@pytest.mark.parametrize("wrong", [{"path": ""}, {"path": "a\0"}, {"old": ""}, {"lines": "1"}])
def test_empty_arguments_are_refused(wrong: dict[str, str]) -> None:
    """A path and a text."""
    with pytest.raises(ValueError, match="must not be empty"):
        replace_in_file(**({"path": "a.py", "old": "alpha", "new": "x"} | wrong))


def test_files_that_are_no_text(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other encodings, lone surrogates, huge and missing files."""
    (tree / "odd").write_bytes(b"a\xff")
    with pytest.raises(ValueError, match="UTF-8"):
        replace_in_file(path="odd", old="a", new="b")
    with pytest.raises(ValueError, match="UTF-8"):
        replace_in_file(path="a.py", old="alpha", new="\ud800")
    assert (tree / "a.py").read_text() == TEXT
    with pytest.raises(FileNotFoundError):
        replace_in_file(path="missing", old="a", new="b")
    assert tool.MAX_BYTES == 10_000_000
    monkeypatch.setattr(tool, "MAX_BYTES", len(TEXT) - 1)
    with pytest.raises(ValueError, match="bytes"):
        replace_in_file(path="a.py", old="alpha", new="x")
    monkeypatch.setattr(tool, "MAX_BYTES", len(TEXT))
    replace_in_file(path="a.py", old="alpha", new="x")


def test_main(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """As a program: the lines and 0, or an error and 1."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps({"path": "a.py", "old": "import os", "new": "import io"})))
    assert tool.main() == 0
    assert capsys.readouterr().out.startswith("     1\timport io\n")
    monkeypatch.setattr(sys, "stdin", io.StringIO('{"path": "missing", "old": "a", "new": "b"}'))
    assert tool.main() == 1
    assert "FileNotFoundError" in capsys.readouterr().err
