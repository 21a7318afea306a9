"""Capitals."""


def shared_default(*, text: str, seen: list[str] = []) -> str:
    """Return the text in capitals."""
    seen.append(text)
    return text.upper()
