"""Tests."""

import os

import pytest
from tool import follows_links


def test_note(tmp_path, monkeypatch) -> None:
    """A note, and a name that leads out."""
    monkeypatch.chdir(tmp_path)
    os.mkdir("notes")
    (tmp_path / "notes" / "a").write_text("hello", encoding="utf-8")
    assert follows_links(name="a") == "hello"
    with pytest.raises(ValueError, match="folder of notes"):
        follows_links(name="../a")
