"""Wraps text."""

import textwrap


def wrap_text(*, text: str, width: int) -> list[str]:
    """Return the lines; words longer than a line are broken."""
    return textwrap.wrap(text, width=width)
