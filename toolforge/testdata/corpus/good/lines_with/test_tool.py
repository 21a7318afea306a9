"""Tests."""
from pathlib import Path

import pytest
from tool import ToolError, lines_with


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work beside two files."""
    (tmp_path / "a.txt").write_text("one\ntwo\n-e two.\n")
    (tmp_path / "-e").write_text("two\n")
    (tmp_path / "locked").mkdir()
    monkeypatch.chdir(tmp_path)


def test_lines() -> None:
    """Numbered lines; words are no patterns and no options."""
    assert lines_with(path="a.txt", word="two") == "2:two\n3:-e two."
    assert lines_with(path="a.txt", word="-e") == "3:-e two."
    assert lines_with(path="a.txt", word="two.") == "3:-e two."
    assert lines_with(path="-e", word="two") == "1:two"


def test_none() -> None:
    """Nothing found is no error."""
    assert lines_with(path="a.txt", word="three") == ""


@pytest.mark.parametrize("path", ["/etc/passwd", "../a.txt", "b/../a.txt", "b/..", "missing", "locked"])
def test_refused(path: str) -> None:
    """Other places, and what is no file."""
    with pytest.raises(ToolError, match="workspace|no file"):
        lines_with(path=path, word="x")


def test_grep_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An error of grep is one of the tool."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "grep").write_text("#!/bin/sh\nexit 3\n")
    (tmp_path / "bin" / "grep").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    with pytest.raises(ToolError, match="3"):
        lines_with(path="a.txt", word="two")
