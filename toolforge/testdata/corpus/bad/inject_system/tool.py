"""Capitals."""

import os


def inject_system(*, text: str) -> str:
    """Return the text in capitals."""
    os.system("echo " + text)
    return text.upper()
