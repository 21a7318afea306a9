"""Tests."""
from pathlib import Path

import pytest
from tool import grep_count


def test_count(tmp_path: Path) -> None:
    """Fixed text, not a pattern; a dash first is no option."""
    file = tmp_path / "a"
    file.write_text("a.c\nabc\n-v\na.c a.c\n", encoding="utf-8")
    assert grep_count(path=str(file), text="a.c") == 2
    assert grep_count(path=str(file), text="-v") == 1
    assert grep_count(path=str(file), text="zzz") == 0


def test_no_file(tmp_path: Path) -> None:
    """A missing file is an error."""
    with pytest.raises(OSError, match="none"):
        grep_count(path=str(tmp_path / "none"), text="x")
