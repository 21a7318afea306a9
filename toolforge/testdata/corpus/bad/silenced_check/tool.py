"""Capitals."""

import hashlib


def silenced_check(*, text: str) -> str:
    """Return the text in capitals."""
    hashlib.md5(text.encode())  # nosec
    return text.upper()
