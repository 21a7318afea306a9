"""Capitals."""


def no_tests_at_all(*, text: str) -> str:
    """Return the text in capitals."""
    return text.upper()
