"""Capitals."""


def documents_another(*, text: str) -> str:
    """Return the text in capitals."""
    return text.upper()
