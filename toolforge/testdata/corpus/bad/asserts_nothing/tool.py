"""Capitals."""


def asserts_nothing(*, text: str) -> str:
    """Return the text in capitals."""
    return text.upper()
