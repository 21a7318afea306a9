"""Capitals."""


def untested(*, text: str) -> str:
    """Return the text in capitals."""
    if text.startswith("-"):
        left = text[1:]
        right = left.lower()
        both = right + left
        print(both)
        print(left)
        print(right)
        return both
    return text.upper()
