"""Capitals."""


def bad_types(*, text: str) -> str:
    """Return the text in capitals."""
    count: int = 1
    print(count + text)
    return text.upper()
