"""Tests."""
from tool import traverses_pathlib


def test_note(tmp_path, monkeypatch) -> None:
    """A note."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("hello", encoding="utf-8")
    assert traverses_pathlib(name="a") == "hello"
