"""Capitals."""


def unseen_text(*, text: str) -> str:
    """Return the text in capitals."""
    return text.upper()
