"""Capitals."""


def claims_wrongly(*, text: str) -> str:
    """Return the text in capitals."""
    return text.upper()
