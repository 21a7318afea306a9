"""Capitals."""

import ctypes


def ctypes_call(*, text: str) -> str:
    """Return the text in capitals."""
    ctypes.CDLL(None)
    return text.upper()
