"""Capitals."""


def loops_for_ever(*, text: str) -> str:
    """Return the text in capitals."""
    while text.startswith("-"):
        text = text.strip()
    return text.upper()
