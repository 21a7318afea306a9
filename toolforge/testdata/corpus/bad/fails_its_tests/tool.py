"""Capitals."""


def fails_its_tests(*, text: str) -> str:
    """Return the text in capitals."""
    return text.upper()
