"""Counts words."""


def word_count(*, text: str) -> int:
    """Return how many words a text has."""
    return len(text.split())
