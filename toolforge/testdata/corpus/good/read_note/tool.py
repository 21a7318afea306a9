"""Reads notes."""

from pathlib import Path

NOTES = Path("notes")


def read_note(*, name: str) -> str:
    """Return a note; raises ValueError for a name that leads out of the folder."""
    base = NOTES.resolve()
    file = (base / name).resolve()
    if "\0" in name or not file.is_relative_to(base):
        raise ValueError("the name leads out of the notes")
    return file.read_text(encoding="utf-8")
