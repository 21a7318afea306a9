"""Tests."""

from tool import writes_home


def test_line(tmp_path, monkeypatch) -> None:
    """A line is kept."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert writes_home(line="abc") == 3
    assert (tmp_path / ".line").read_text(encoding="utf-8") == "abc"
