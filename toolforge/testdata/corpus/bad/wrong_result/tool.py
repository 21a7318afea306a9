"""Capitals."""


def wrong_result(*, text: str) -> str:
    """Return the text in capitals."""
    return text.upper()
