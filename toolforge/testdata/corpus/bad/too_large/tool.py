"""Capitals."""


def too_large(*, text: str) -> str:
    """Return the text in capitals."""
    table = [0] * 20_000_000
    text = text[: len(table)]
    return text.upper()
