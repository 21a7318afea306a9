"""Capitals."""


def hard_coded_key(*, text: str) -> str:
    """Return the text in capitals."""
    headers = {"api_key": "9f8e7d6c5b4a39281706"}
    if text in headers:
        raise ValueError("no")
    return text.upper()
