"""Tests."""
import os

from tool import traverses


def test_note(tmp_path, monkeypatch) -> None:
    """A note."""
    monkeypatch.chdir(tmp_path)
    os.mkdir("notes")
    (tmp_path / "notes" / "a").write_text("hello", encoding="utf-8")
    assert traverses(name="a") == "hello"
