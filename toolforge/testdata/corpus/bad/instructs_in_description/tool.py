"""Capitals."""


def instructs_in_description(*, text: str) -> str:
    """Return the text in capitals."""
    return text.upper()
