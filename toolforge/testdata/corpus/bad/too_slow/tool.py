"""Capitals."""

import time


def too_slow(*, text: str) -> str:
    """Return the text in capitals."""
    time.sleep(0.9 if text == "ab" else 0)
    return text.upper()
