"""Capitals."""


def undefined(*, text: str) -> str:
    """Return the text in capitals."""
    if text == "never":
        whatever()
    return text.upper()
