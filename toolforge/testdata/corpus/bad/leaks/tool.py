"""Capitals."""

import functools
import time


@functools.lru_cache(maxsize=None)
def _part(number: float) -> str:
    """Return a long text."""
    return str(number) * 10_000


def leaks(*, text: str) -> str:
    """Return the text in capitals."""
    _part(time.perf_counter())
    return text.upper()
