"""Capitals."""

from pathlib import Path


def writes_bound_method(*, text: str) -> str:
    """Return the text in capitals."""
    keep = Path("kept").write_text
    keep(text)
    return text.upper()
