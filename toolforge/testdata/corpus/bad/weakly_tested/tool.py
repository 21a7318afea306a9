"""Capitals."""


def weakly_tested(*, text: str) -> str:
    """Return the text in capitals, at most ten letters."""
    length = len(text)
    if length > 10:
        length = 10
    return text[0:length].upper() + ("..." if len(text) > 10 else "")
