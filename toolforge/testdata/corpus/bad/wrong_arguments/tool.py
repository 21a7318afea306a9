"""Capitals."""


def wrong_arguments(*, words: str) -> str:
    """Return the words in capitals."""
    return words.upper()
