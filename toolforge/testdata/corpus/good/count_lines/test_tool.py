"""Tests."""
from pathlib import Path

from tool import count_lines


def test_lines(tmp_path: Path) -> None:
    """Blank lines are those of blanks only."""
    file = tmp_path / "a.txt"
    file.write_text("a\n\n  \nb", encoding="utf-8")
    assert count_lines(path=str(file)) == {"lines": 4, "blank": 2}


def test_empty(tmp_path: Path) -> None:
    """An empty file."""
    file = tmp_path / "a.txt"
    file.write_text("", encoding="utf-8")
    assert count_lines(path=str(file)) == {"lines": 0, "blank": 0}
