"""Capitals."""


def instructs_in_readme(*, text: str) -> str:
    """Return the text in capitals."""
    return text.upper()
