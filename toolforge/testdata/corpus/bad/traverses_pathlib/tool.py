"""Reads notes."""

from pathlib import Path


def traverses_pathlib(*, name: str) -> str:
    """Return a note."""
    return (Path("notes") / f"{name}.txt").read_text(encoding="utf-8")
