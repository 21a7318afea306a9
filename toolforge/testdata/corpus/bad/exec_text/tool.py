"""Capitals."""


def exec_text(*, text: str) -> str:
    """Return the text in capitals."""
    exec("pass")
    return text.upper()
