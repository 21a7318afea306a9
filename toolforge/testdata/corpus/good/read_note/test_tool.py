"""Tests."""
from pathlib import Path

import pytest
from tool import read_note


def test_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Notes only."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a").write_text("hello", encoding="utf-8")
    (tmp_path / "secret").write_text("hidden", encoding="utf-8")
    assert read_note(name="a") == "hello"
    for name in ("../secret", str(tmp_path / "secret"), "a/../../secret"):
        with pytest.raises(ValueError, match="leads out"):
            read_note(name=name)
