"""Capitals."""


def says_read_only(*, text: str) -> str:
    """Return the text in capitals."""
    return text.upper()
