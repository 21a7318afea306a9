"""Counts."""


def returns_another_type(*, text: str) -> int:
    """Return the length."""
    return len(text)
