"""Capitals."""

PASSWORD = "Tr0ub4dor&3"


def hard_coded_password(*, text: str) -> str:
    """Return the text in capitals."""
    if text == PASSWORD:
        raise ValueError("no")
    return text.upper()
