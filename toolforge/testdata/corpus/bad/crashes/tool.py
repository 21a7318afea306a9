"""Capitals."""


def crashes(*, text: str) -> str:
    """Return the first letter in capitals."""
    return text[0].upper()
