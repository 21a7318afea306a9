"""Normalize names."""

import functools


@functools.cache
def _normal(name: str) -> str:
    """Return the normal form."""
    return " ".join(part.capitalize() for part in name.split())


def cached_for_ever(name: str) -> str:
    """Return the name with single spaces and capital first letters."""
    return _normal(name)
